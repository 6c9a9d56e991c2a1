#pragma once

#include <weft/detail/holders.hpp>
#include <weft/detail/wait_many.hpp>

namespace weft::detail {

/// While it lives, it is known who could end a wait for `waiter`.
class Awaited {
public:
    /// Those of the futures that are not done; `any`: the first of them does.
    Awaited(const FutureState& waiter, const Futures& futures, bool any) noexcept
        : waiter_(waiter) {
        if (!holders_are_watched()) {
            return;
        }
        for (const Ref<FutureState>& future : futures) {
            if (!future->done()) {
                note_awaited(&waiter_, *future, any);
            }
        }
    }
    /// Whoever could end a wait for `other`.
    Awaited(const FutureState& waiter, const void* other) noexcept : waiter_(waiter) {
        if (holders_are_watched()) {
            note_same(&waiter_, other);
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
