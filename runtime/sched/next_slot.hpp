#pragma once

#include "base/atomic.hpp"

namespace weft::rt {

/// The stealable task that the running one made ready last: it runs next here, while its data is
/// warm. A thief takes it only when the owner is busy with something long.
///
/// Guarded by the owner's OwnerLock; others may ask whether there looks to be anything.
template <class T, template <class> class AtomicOf = Atomic>
class NextSlot {
public:
    /// Puts a task in; returns the one that was there.
    [[nodiscard]] T* put(T& task) noexcept {
        T* const old = slot_.load(relaxed);
        slot_.store(&task, relaxed);
        return old;
    }
    [[nodiscard]] T* take() noexcept {
        T* const seen = slot_.load(relaxed);
        if (seen != nullptr) {
            slot_.store(nullptr, relaxed);
        }
        return seen;
    }
    /// Takes `task` out if it is in.
    [[nodiscard]] bool take_this(T& task) noexcept {
        if (slot_.load(relaxed) != &task) {
            return false;
        }
        slot_.store(nullptr, relaxed);
        return true;
    }

    // ---- any; without the lock a hint

    [[nodiscard]] bool looks_empty() const noexcept { return slot_.load(relaxed) == nullptr; }
    [[nodiscard]] bool may_be(const T& task) const noexcept { return slot_.load(relaxed) == &task; }

private:
    AtomicOf<T*> slot_{nullptr};  // relaxed: the lock orders it
};

}  // namespace weft::rt
