#include <algorithm>
#include <chrono>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <weft/future.hpp>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "loop/dump.hpp"
#include "loop/exception_handler.hpp"
#include "loop/runtime_state.hpp"
#include "task/carrier.hpp"

// Which threads drive a runtime's loops, and how it ends.

namespace weft {

namespace {

/// Says what somebody is left to, as far as there is memory to say it in.
template <class Text>
void log_error_of(const Text& text) noexcept {
    try {
        rt::log_error(text());
    } catch (const std::bad_alloc&) {
        rt::log_error("shutdown gave up on a loop or a task; there is no memory to say which");
    }
}

}  // namespace

bool Runtime::State::start_threads(int first, bool to_shut_down) {
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::Open && !to_shut_down) {
        return false;
    }
    if (first == 0 && loop0_is_driven_) {
        loop0_wants_thread_ = true;
        first = 1;
    }
    // Also where one was refused: those before it have theirs.
    struct Note {
        State& state;
        ~Note() { state.loop0_has_thread_ = state.scheduler->has_thread(0); }
    } const note{*this};
    scheduler->start_threads(first);
    return true;
}

bool Runtime::State::take_loop0() {
    const std::lock_guard lock(mutex_);
    if (loop0_has_thread_ || loop0_is_driven_) {
        if (phase_ == Phase::Open) {  // later it is for the shutdown to say
            loop0_wants_thread_ = loop0_is_driven_;
        }
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
        } catch (const std::exception& error) {
            rt::log_error("a loop gets no thread: ", error.what());
        }
        loop0_has_thread_ = scheduler->has_thread(0);
    }
    loop0_is_free_.notify_all();
}

/// Ends the loops' threads, and waits for a run() that drives loop 0; what is ready stays so. False
/// when one of them did not leave its loop in time: it is left to itself. Nobody else starts any in
/// this phase, so the lock need not be held, under which a callback may be asking for something.
bool Runtime::State::stop_threads(rt::Nanos deadline) {
    constexpr rt::Nanos kGrace = 100'000'000;  // it may have been told just now
    {
        const std::lock_guard lock(mutex_);
        loop0_wants_thread_ = false;  // who leaves it from here on starts none
    }
    deadline = std::max(deadline, scheduler->thread_time() + kGrace);
    bool all = true;
    for (const int stuck : scheduler->stop_threads(deadline)) {
        all = false;
        log_error_of([&] {
            return "shutdown gave up on loop " + std::to_string(stuck) + ", which is kept by " +
                   rt::describe_running(scheduler->worker(stuck));
        });
    }
    std::unique_lock lock(mutex_);
    loop0_has_thread_ = false;
    // In real time: in a simulation the caller is who drives it.
    const std::chrono::nanoseconds rest(deadline - scheduler->thread_time());
    return loop0_is_free_.wait_for(lock, rest, [this] { return !loop0_is_driven_; }) && all;
}

/// The tasks that are left keep their stacks and the loops they belong to: unwinding them by force
/// is no way out (R6), and somebody may still wake them.
void Runtime::State::give_up() noexcept {
    const std::lock_guard lock(mutex_);
    static_cast<void>(scheduler.release());
    static_cast<void>(deadlock_watch.release());  // a loop that goes on may ask it
    for (auto& loop : loops) {
        static_cast<void>(loop.release());
    }
    loops.clear();
}

bool Runtime::State::is_here() const noexcept {
    return scheduler == nullptr || scheduler->is_here();
}

void Runtime::State::check_is_here(const char* what) const {
    if (!is_here()) {
        throw RuntimeError(std::string(what) + ": the runtime belongs to the parent process");
    }
}

bool Runtime::State::takes_tasks() const {
    const std::lock_guard lock(mutex_);
    return phase_ == Phase::Open;
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

std::vector<detail::Ref<detail::FutureState>> Runtime::State::live_tasks() const {
    std::vector<detail::Ref<detail::FutureState>> tasks;
    rt::TaskWalk walk(identity);
    while (auto task = walk.next()) {
        tasks.push_back(std::move(task));
    }
    // In the order they were made, which does not depend on where their records lie.
    std::sort(tasks.begin(), tasks.end(), [](const auto& left, const auto& right) {
        return static_cast<const rt::TaskState&>(*left).id <
               static_cast<const rt::TaskState&>(*right).id;
    });
    return tasks;
}

bool Runtime::State::has_tasks() const noexcept {
    return static_cast<bool>(rt::TaskWalk(identity).next());
}

namespace {

/// Lets time pass for whoever ends a runtime: a task of another one waits as a task does, and may not
/// be cancelled in it. Without memory for that it keeps its thread meanwhile.
void pause_for(rt::Scheduler& scheduler, rt::Nanos pause) noexcept {
    if (const rt::Carrier* const carrier = rt::current_carrier();
        carrier != nullptr && carrier->current != nullptr) {
        try {
            const Future<void> over;
            get_running_loop().call_later(std::chrono::nanoseconds(pause), [over] {
                over.set_result();
            });
            over.state()->wait_shielded();
            return;
        } catch (const std::exception&) {
            // No memory for the future or the timer, or that loop was given up: nothing waits yet.
        }
    }
    scheduler.pause_thread(pause);
}

rt::Nanos deadline_in(rt::Scheduler& scheduler, std::chrono::nanoseconds limit) {
    constexpr std::chrono::nanoseconds kAgesHence = std::chrono::hours(24 * 365 * 100);
    return scheduler.thread_time() + std::min(limit, kAgesHence).count();
}

}  // namespace

/// Those who are there now: what they make to clean up with is not to end before it has begun. That
/// may happen only where there is no memory for a list.
void Runtime::State::cancel_each_task() const {
    std::vector<detail::Ref<detail::FutureState>> tasks;
    try {
        tasks = live_tasks();
    } catch (const std::bad_alloc&) {
        rt::TaskWalk walk(identity);
        while (const auto task = walk.next()) {
            task->cancel({});
        }
    }
    for (const auto& task : tasks) {
        task->cancel({});
    }
}

/// Cancels rounds of tasks until none is left or the time is up; true when none is. Needs no memory.
bool Runtime::State::cancel_tasks(rt::Nanos deadline) {
    constexpr rt::Nanos kShortest = 50'000;
    constexpr rt::Nanos kLongest = 10'000'000;
    constexpr rt::Nanos kBetweenRounds = 500'000'000;
    rt::Nanos next_round = scheduler->thread_time();
    rt::Nanos pause = kShortest;
    for (;;) {
        if (!has_tasks()) {
            return true;
        }
        const rt::Nanos now = scheduler->thread_time();
        if (now >= deadline) {
            return false;
        }
        if (now >= next_round) {  // again for those who swallowed it
            give_every_loop_a_thread();
            cancel_each_task();
            next_round = now + kBetweenRounds;
        }
        if (!drive_loop0_for(pause)) {
            pause_for(*scheduler, pause);
        }
        pause = std::min(2 * pause, kLongest);
    }
}

void Runtime::State::give_every_loop_a_thread() noexcept {
    try {
        static_cast<void>(start_threads(0, true));
    } catch (const std::exception& error) {
        rt::log_error("shutdown(): ", error.what());
    }
}

/// Where loop 0 has no thread: a turn of it on this one. False when that cannot be.
bool Runtime::State::drive_loop0_for(rt::Nanos limit) {
    if (rt::current_carrier() != nullptr || !take_loop0()) {
        return false;
    }
    bool driven = true;
    try {
        scheduler->worker(0).drive_once(limit);
    } catch (const std::bad_alloc&) {
        driven = false;  // no stack for the run loop; there may be one when a task has ended
    }
    leave_loop0();
    return driven;
}

void Runtime::shutdown() {
    State& state = *state_;
    state.check_is_here("shutdown()");
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
    const auto deadline = deadline_in(*state.scheduler, state.options.shutdown_timeout);
    bool clean = true;
    do {
        if (state.has_tasks() && !state.cancel_tasks(deadline)) {
            clean = false;
            log_error_of([this] {
                return "shutdown gave up on tasks that did not end when cancelled:\n" +
                       dump_tasks();
            });
        }
        clean = state.stop_threads(deadline) && clean;
        // A callback that came in between may have made a task.
    } while (clean && state.has_tasks());
    for (const auto& loop : state.loops) {
        loop->closed_.store(true, std::memory_order_release);
    }
    state.set_debug(false);
    // Of a task that was given up it may be the very job that does not end.
    state.end_executor(
        clean ? state.options.executor_shutdown_timeout : std::chrono::nanoseconds(0)
    );
    if (!clean) {
        state.give_up();
        return;
    }
    for (int i = 0; i < state.scheduler->width(); ++i) {
        state.scheduler->worker(i).drop_callbacks();
        rt::forget_exception_handler(&state.scheduler->worker(i));
    }
}

}  // namespace weft
