#include <algorithm>
#include <chrono>
#include <string>
#include <system_error>
#include <utility>
#include <weft/sleep.hpp>

#include "base/log.hpp"
#include "loop/runtime_state.hpp"
#include "task/park.hpp"
#include "task/record_pool.hpp"

// Which threads drive a runtime's loops, and how it ends.

namespace weft {

using std::chrono::steady_clock;

bool Runtime::State::start_threads(int first, bool to_shut_down) {
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::Open && !to_shut_down) {
        return false;
    }
    if (first == 0 && loop0_is_driven_) {
        loop0_wants_thread_ = true;
        first = 1;
    }
    scheduler->start_threads(first);
    loop0_has_thread_ = loop0_has_thread_ || first == 0;
    return true;
}

bool Runtime::State::take_loop0() {
    const std::lock_guard lock(mutex_);
    if (loop0_has_thread_ || loop0_is_driven_) {
        loop0_wants_thread_ = loop0_is_driven_;
        return false;
    }
    loop0_is_driven_ = true;
    return true;
}

void Runtime::State::leave_loop0() noexcept {
    const std::lock_guard lock(mutex_);
    loop0_is_driven_ = false;
    if (std::exchange(loop0_wants_thread_, false) && scheduler != nullptr) {
        try {
            scheduler->start_threads(0);
            loop0_has_thread_ = true;
        } catch (const std::system_error& error) {
            rt::log_error(std::string("loop 0 gets no thread: ") + error.what());
        }
    }
    loop0_is_free_.notify_all();
}

/// Ends the loops' threads; what is ready stays so. Nobody else starts any in this phase, so the
/// lock need not be held, under which a callback may be asking for something.
void Runtime::State::stop_threads() noexcept {
    scheduler->stop_threads();
    const std::lock_guard lock(mutex_);
    loop0_has_thread_ = false;
}

void Runtime::State::wait_for_loop0() noexcept {
    std::unique_lock lock(mutex_);
    loop0_is_free_.wait(lock, [this] { return !loop0_is_driven_; });
}

/// The tasks that are left keep their stacks and the loops they belong to: unwinding them by force
/// is no way out (R6), and somebody may still wake them.
void Runtime::State::give_up() noexcept {
    const std::lock_guard lock(mutex_);
    static_cast<void>(scheduler.release());
    for (auto& loop : loops) {
        static_cast<void>(loop.release());
    }
    loops.clear();
}

bool Runtime::State::begin_shutdown() {
    std::unique_lock lock(mutex_);
    has_ended_.wait(lock, [this] { return phase_ != Phase::Ending; });
    if (phase_ == Phase::Ended) {
        return false;
    }
    phase_ = Phase::Ending;
    return true;
}

void Runtime::State::end_shutdown() noexcept {
    const std::lock_guard lock(mutex_);
    phase_ = Phase::Ended;
    has_ended_.notify_all();
}

std::vector<detail::Ref<detail::FutureState>> Runtime::State::live_tasks(
    const detail::FutureState* but
) const {
    std::vector<detail::Ref<detail::FutureState>> tasks;
    rt::RecordPool::shared().for_each([&](rt::TaskState& task) {
        if (task.loop()->runtime() == identity && &task != but) {
            tasks.push_back(detail::Ref<detail::FutureState>::share(&task));
        }
    });
    return tasks;
}

bool Runtime::State::cancel_tasks(steady_clock::time_point deadline) const {
    constexpr auto kShortest = std::chrono::microseconds(100);
    constexpr auto kLongest = std::chrono::milliseconds(10);
    constexpr auto kBetweenRounds = std::chrono::milliseconds(500);
    const auto self = detail::running_task();
    auto next_round = steady_clock::now();
    std::chrono::nanoseconds pause = kShortest;
    for (;;) {
        const auto tasks = live_tasks(self.get());
        if (tasks.empty()) {
            return true;
        }
        const auto now = steady_clock::now();
        if (now >= deadline) {
            return false;
        }
        if (now >= next_round) {  // again for those who swallowed it
            for (const auto& task : tasks) {
                task->cancel({});
            }
            next_round = now + kBetweenRounds;
            weft::yield();
            continue;
        }
        weft::sleep(pause);
        pause = std::min<std::chrono::nanoseconds>(2 * pause, kLongest);
    }
}

/// Runs cancel_tasks() as a task of loop 0, on this thread if no other drives that.
bool Runtime::cancel_everything(steady_clock::time_point deadline) {
    State& state = *state_;
    const auto cancel = [&state, deadline] { return state.cancel_tasks(deadline); };
    // Not Loop::create_task(): that door is shut.
    const Future<bool> task(detail::Ref<detail::FutureState>::adopt(detail::make_task(
        cancel, detail::TaskKind::Pinned, loop(0).sink_, "shutdown", detail::Site::current()
    )));
    const bool can_drive = rt::current_carrier() == nullptr;
    try {
        static_cast<void>(state.start_threads(can_drive ? 1 : 0, true));
    } catch (const std::system_error& error) {
        rt::log_error(std::string("shutdown() gets no thread for a loop: ") + error.what());
        if (!can_drive) {
            return false;
        }
    }
    if (can_drive) {
        drive_or_wait(*task.state());
    }
    return task.take(false);
}

void Runtime::shutdown() {
    State& state = *state_;
    if (rt::current_carrier() != nullptr &&
        detail::running_sink()->runtime() == state.scheduler.get()) {
        throw RuntimeError("shutdown() from within one of the runtime's own tasks");
    }
    if (!state.begin_shutdown()) {
        return;
    }
    struct End {
        State& state;
        ~End() { state.end_shutdown(); }
    } const end{state};
    state.scheduler->shut_door();
    const auto deadline = steady_clock::now() + state.options.shutdown_timeout;
    bool clean = true;
    do {
        if (!state.live_tasks().empty()) {
            clean = cancel_everything(deadline);
        }
        if (!clean) {
            rt::log_error(
                "shutdown gave up on tasks that did not end when cancelled:\n" + dump_tasks()
            );
        } else {
            state.wait_for_loop0();
        }
        state.stop_threads();
        // A callback that came in between may have made a task.
    } while (clean && !state.live_tasks().empty());
    for (const auto& loop : state.loops) {
        loop->closed_.store(true, std::memory_order_release);
    }
    if (!clean) {
        state.give_up();
        return;
    }
    for (int i = 0; i < state.scheduler->width(); ++i) {
        state.scheduler->worker(i).drop_callbacks();
    }
}

}  // namespace weft
