#pragma once

#include <weft/detail/holders.hpp>
#include <weft/detail/wait_many.hpp>

namespace weft::detail {

/// While it lives, it is known that who waits for `waiter` waits for those of the futures that are not done.
class Awaited {
public:
    Awaited(const FutureState& waiter, const Futures& futures) noexcept : waiter_(waiter) {
        if (!holders_are_watched()) {
            return;
        }
        for (const Ref<FutureState>& future : futures) {
            if (!future->done()) {
                note_awaited(&waiter_, *future);
            }
        }
    }
    Awaited(const Awaited&) = delete;
    Awaited& operator=(const Awaited&) = delete;
    ~Awaited() {
        if (holders_are_watched()) {
            forget_holders(&waiter_);
        }
    }

private:
    const FutureState& waiter_;
};

}  // namespace weft::detail
