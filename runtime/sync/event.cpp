#include <weft/errors.hpp>
#include <weft/event.hpp>

namespace weft {

void Event::set_slow() noexcept {
    detail::WokenList woken;  // let run when the flag is set
    do {
        waiters_.lock();
        State expected = State::Waited;
        if (state_.compare_exchange_strong(
                expected, State::Unset, std::memory_order_relaxed, std::memory_order_relaxed
            )) {
            waiters_.wake_all(woken);
        }
        waiters_.unlock();
    } while (!try_set());
}

void Event::wait_slow() {
    waiters_.lock();
    State state = State::Unset;
    // acquire: try_set's release, when it is set
    if (!state_.compare_exchange_strong(
            state, State::Waited, std::memory_order_acquire, std::memory_order_acquire
        ) &&
        state == State::Set) {
        waiters_.unlock();
        return;
    }
    if (!waiters_.wait("Event.wait", this).ok()) {
        detail::throw_cancelled();
    }
}

}  // namespace weft
