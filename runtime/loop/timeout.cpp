#include <cstdint>
#include <mutex>
#include <weft/detail/loop_api.hpp>
#include <weft/handle.hpp>
#include <weft/loop.hpp>
#include <weft/timeout.hpp>

namespace weft {

/// What the scope and its timer share: the timer may fire on another loop, if the task has moved.
///
/// The mutex makes firing one step: whoever leaves the scope finds the task cancelled by it, or not.
/// Cancelling runs no code of users.
struct Timeout::State {
    enum class Phase : std::uint8_t { Entered, Expired, Left };

    std::mutex mutex;
    Phase phase = Phase::Entered;
    bool cancelled_task = false;  // and nobody has taken that back
    std::uint64_t timer = 0;      // the one that counts; earlier ones fire in vain
    Handle handle;
    detail::Ref<detail::FutureState> task;
    std::uint32_t cancelling_before = 0;
    detail::CancelReceipt receipt;

    void fire(std::uint64_t number) {
        const std::lock_guard lock(mutex);
        if (phase != Phase::Entered || timer != number) {
            return;
        }
        phase = Phase::Expired;
        cancelled_task = true;
        receipt = detail::task_cancel(*task);
    }
};

Timeout::Timeout(std::optional<TimePoint> when) : state_(std::make_shared<State>()) {
    state_->task = detail::running_task("timeout()");
    state_->cancelling_before = detail::task_cancelling(*state_->task);
    reschedule(when);
}

Timeout::~Timeout() {
    static_cast<void>(leave());
}

bool Timeout::leave() noexcept {
    State& state = *state_;
    state.handle.cancel();
    const std::lock_guard lock(state.mutex);
    const bool mine = std::exchange(state.cancelled_task, false);
    if (state.phase == State::Phase::Entered) {
        state.phase = State::Phase::Left;
    }
    if (mine) {
        // It may have come from another loop while the task ran, and not be delivered yet.
        detail::task_withdraw_cancel(*state.task, state.receipt);
    }
    return mine && detail::task_uncancel(*state.task) <= state.cancelling_before;
}

bool Timeout::expired() const noexcept {
    const std::lock_guard lock(state_->mutex);
    return state_->phase == State::Phase::Expired;
}

void Timeout::reschedule(std::optional<TimePoint> when) {
    State& state = *state_;
    Loop& loop = get_running_loop();
    std::uint64_t number = 0;
    {
        const std::lock_guard lock(state.mutex);
        if (state.phase != State::Phase::Entered) {
            throw RuntimeError(
                std::string("reschedule() of a timeout that ") +
                (state.phase == State::Phase::Expired ? "has expired" : "was left")
            );
        }
        number = ++state.timer;
    }
    state.handle.cancel();
    state.handle = {};
    when_ = when;
    if (!when) {
        return;
    }
    auto fire = [shared = state_, number] { shared->fire(number); };
    if (*when <= loop.time()) {
        // Ready at once, as in asyncio: it does not wait for a look at the clock.
        state.handle = loop.call_soon(std::move(fire));
        return;
    }
    state.handle = loop.call_at(*when, std::move(fire));
}

}  // namespace weft
