#include "allocation_scenario.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <system_error>
#include <weft/detail/loop_api.hpp>
#include <weft/errors.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "support/settle.hpp"

namespace weft::test {
namespace {

constexpr std::size_t kNoteBytes = 400;
std::array<char, kNoteBytes> note_text{};
std::atomic<bool> note_taken{false};
std::atomic<bool> note_ready{false};
std::atomic<int> report_count{0};

/// Whether an error is one that stands for missing memory. Asks for none.
bool is_of_memory(const std::exception_ptr& error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const std::bad_alloc&) {
        return true;
    } catch (const ExceptionGroup& group) {
        return std::all_of(group.exceptions().begin(), group.exceptions().end(), is_of_memory);
    } catch (const std::system_error& refused) {
        return refused.code() == std::errc::resource_unavailable_try_again ||
               refused.code() == std::errc::not_enough_memory;
    } catch (...) {
        return false;
    }
}

/// Whether an error may follow from one of memory, where nobody is left to see it: what a scenario
/// throws on purpose, and what a connection gives whose other end has failed.
bool may_be_unseen(const std::exception_ptr& error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const PlannedError&) {
        return true;
    } catch (const std::system_error& failed) {
        return failed.code() == std::errc::connection_reset ||
               failed.code() == std::errc::connection_refused ||
               failed.code() == std::errc::broken_pipe;
    } catch (...) {
        return is_of_memory(error);
    }
}

void note_error(const char* where, const std::exception_ptr& error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& other) {
        Trial::note(where, other.what());
    } catch (const CancelledError&) {
        Trial::note(where, "CancelledError");
    } catch (...) {
        Trial::note(where, "no std::exception");
    }
}

/// The other tasks of this runtime that have not ended.
std::vector<AnyTask> other_tasks() {
    std::vector<AnyTask> tasks = all_tasks();
    std::erase(tasks, current_task());
    return tasks;
}

void end_other_tasks() {
    for (std::vector<AnyTask> tasks = other_tasks(); !tasks.empty(); tasks = other_tasks()) {
        for (const AnyTask& task : tasks) {
            task.cancel();
        }
        sleep(std::chrono::microseconds(50));
    }
}

}  // namespace

void Trial::note(std::string_view what, std::string_view detail) noexcept {
    if (note_taken.exchange(true)) {
        return;
    }
    std::snprintf(
        note_text.data(),
        note_text.size(),
        "%.*s%s%.*s",
        static_cast<int>(what.size()),
        what.data(),
        detail.empty() ? "" : ": ",
        static_cast<int>(detail.size()),
        detail.data()
    );
    note_ready = true;
}

std::string_view noted() noexcept {
    return note_ready ? std::string_view(note_text.data()) : std::string_view();
}

void forget_notes() noexcept {
    note_taken = false;
    note_ready = false;
    report_count = 0;
}

int reports() noexcept {
    return report_count;
}

void watch_reports(Runtime& runtime) {
    runtime.set_exception_handler([](Loop& /*loop*/, const ExceptionContext& context) {
        report_count.fetch_add(1);
        if (context.exception != nullptr && !may_be_unseen(context.exception)) {
            note_error("unexpected report", context.exception);
        }
    });
}

void Trial::look_at(const std::exception_ptr& error, const char* where) noexcept {
    if (!is_of_memory(error)) {
        note_error(where, error);
    }
}

RuntimeOptions Trial::options() const {
    RuntimeOptions options;
    options.workers = loops_;
    options.pin = Pin::None;
    return options;
}

void Trial::end_act(const std::exception_ptr& error) {
    failed_ = error != nullptr;
    if (failed_) {
        look_at(error, "unexpected exception");
        expect(count_.refused != 0, "std::bad_alloc though nothing was refused");
    }
    if (detail::running_sink() == nullptr) {
        return;
    }
    settle();
    // What ends by itself soon, like an acceptor that paused for want of memory, is not left.
    constexpr auto kPatience = std::chrono::milliseconds(500);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!failed_ && !other_tasks().empty() && std::chrono::steady_clock::now() < deadline) {
        sleep(std::chrono::milliseconds(1));
    }
    if (!failed_ && !other_tasks().empty()) {
        note("a task was left", other_tasks().front().name());
    }
    end_other_tasks();
}

const Scenarios& all_scenarios() {
    static const Scenarios scenarios = [] {
        Scenarios all;
        for (const Scenarios& some :
             {task_scenarios(),
              scope_scenarios(),
              sync_scenarios(),
              queue_scenarios(),
              stream_scenarios(),
              runtime_scenarios()}) {
            all.insert(all.end(), some.begin(), some.end());
        }
        return all;
    }();
    return scenarios;
}

}  // namespace weft::test
