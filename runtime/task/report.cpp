#include "task/report.hpp"

#include <cxxabi.h>

#include <typeinfo>
#include <utility>

#include "base/atomic.hpp"
#include "base/demangle.hpp"
#include "base/log.hpp"
#include "task/carrier.hpp"
#include "task/task_state.hpp"

namespace weft::rt {
namespace {

Atomic<std::uint64_t> unseen_count{0};          // relaxed: a count
Atomic<ErrorReporter> error_reporter{nullptr};  // release when set -> report's acquire

void report(ErrorReport&& what) {
    const ErrorReporter reporter = error_reporter.load(acquire);
    if (reporter == nullptr || !reporter(what)) {
        log_report(what.message, what.error);
    }
}

}  // namespace

std::string text_of_site(detail::Site site) {
    const char* name = site.file;
    for (const char* at = site.file; *at != '\0'; ++at) {
        name = *at == '/' ? at + 1 : name;
    }
    return std::string("spawned at ") + name + ":" + std::to_string(site.line);
}

std::string site_of(const TaskState& task) {
    return text_of_site(detail::Site(task.site_file, task.site_line));
}

std::string name_and_site(const TaskState& task) {
    return "task '" + task.display_name() + "' " + site_of(task);
}

std::string describe(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& exception) {
        return demangled(typeid(exception).name()) + ": " + exception.what();
    } catch (const CancelledError&) {
        return "CancelledError";
    } catch (...) {
        const std::type_info* const type = abi::__cxa_current_exception_type();
        return "an exception of type " + (type != nullptr ? demangled(type->name()) : "unknown");
    }
}

void set_error_reporter(ErrorReporter reporter) noexcept {
    error_reporter.store(reporter, release);
}

void log_report(const std::string& message, const std::exception_ptr& error) noexcept {
    try {
        log_error(error != nullptr ? message + ": " + describe(error) : message);
    } catch (...) {
        log_error("an error, and there is no memory to say which");
    }
}

void report_unseen_error(
    const detail::FutureState& state, const std::exception_ptr& error
) noexcept {
    unseen_count.fetch_add(1, relaxed);
    try {
        const auto* const task = state.is_task() ? static_cast<const TaskState*>(&state) : nullptr;
        const std::string who =
            task != nullptr ? "task '" + task->display_name() + "'" : "a future";
        auto* const context =
            task != nullptr ? static_cast<detail::ContextState*>(task->variables) : nullptr;
        report(
            {"exception of " + who + " was never retrieved",
             who,
             error,
             state.loop(),
             detail::Ref<detail::ContextState>::share(context)}
        );
    } catch (...) {
        log_error("an exception was never retrieved, and there is no memory to say which");
    }
}

void report_error(
    std::string message, std::string subject, const std::exception_ptr& error
) noexcept {
    try {
        const Carrier* const carrier = current_carrier();
        report(
            {std::move(message),
             std::move(subject),
             error,
             carrier != nullptr ? carrier->sink : nullptr,
             detail::current_context()}
        );
    } catch (...) {
        log_error("an error, and there is no memory to say which");
    }
}

void report_callback_error(const std::exception_ptr& error) noexcept {
    try {
        report_error("exception in a callback", "a callback", error);
    } catch (...) {
        log_error("exception in a callback, and there is no memory to say which");
    }
}

std::uint64_t unseen_errors() noexcept {
    return unseen_count.load(relaxed);
}

}  // namespace weft::rt
