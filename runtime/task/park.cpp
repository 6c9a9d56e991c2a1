#include "task/park.hpp"

#include <string>
#include <utility>
#include <weft/detail/wait_queue.hpp>
#include <weft/errors.hpp>

#include "base/check.hpp"

namespace weft::rt {

void park_commit(void* argument) noexcept {
    // A copy: once the sleep can be won, the stack it lies on may be running elsewhere.
    const Sleep sleep = *static_cast<const Sleep*>(argument);
    const bool undisturbed = sleep.task.sleep.open(sleep.options);
    if (!undisturbed && sleep.options.forwards) {
        // Not published yet: the sleeper must hand the cancellation on, and sleeps again then.
        if (sleep.task.sleep.claim(sleep.epoch, WakeReason::Retry)) {
            sleep.task.loop()->submit(sleep.task);
        }
        return;
    }
    if (sleep.publish != nullptr) {
        sleep.publish(sleep.argument);
    }
    if (!undisturbed && sleep.task.sleep.claim(sleep.epoch, WakeReason::Cancelled)) {
        sleep.task.loop()->submit(sleep.task);
    }
}

void throw_no_task(const char* what) {
    throw RuntimeError(std::string(what) + " outside of a task");
}

void yield_now() {
    Carrier& carrier = require_task("yield()");
    TaskState& self = *carrier.current;
    const bool masked = cancellation_masked(carrier);
    suspend_to_back(carrier);
    if (self.sleep.cancel_marked() && !masked) [[unlikely]] {
        self.sleep.take_cancel_mark();
        detail::throw_cancelled();
    }
}

void sleep_until(Nanos when) {
    Carrier& carrier = require_task("sleep()");
    TaskState& self = *carrier.current;
    const bool masked = cancellation_masked(carrier);
    if (self.sleep.cancel_marked() && !masked) {
        // As in asyncio, it lets the others go first; with what it was cancelled before: later
        // messages do not count.
        std::string message = self.take_cancel_message();
        suspend_to_back(carrier);
        self.sleep.take_cancel_mark();
        static_cast<void>(self.take_cancel_message());
        throw CancelledError(std::move(message));
    }
    const Sleep sleep{self, self.sleep.epoch(), {.masked = masked}, nullptr, nullptr};
    carrier.sink->arm(self, sleep.epoch, when);
    const WakeReason reason = park(carrier, sleep, "sleep", nullptr);
    if (reason == WakeReason::Cancelled || (!masked && self.sleep.cancel_marked())) {
        self.sleep.take_cancel_mark();
        detail::throw_cancelled();
    }
}

}  // namespace weft::rt
