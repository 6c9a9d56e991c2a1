#pragma once

#include <cstdint>

#include "base/atomic.hpp"

namespace weft::rt {

/// The stealable task that the running one made ready last: it runs next here, while its data is
/// warm. A thief takes it only when it has seen the same one twice, some time apart: then the owner
/// is busy with something long.
///
/// Edges: put's exchange -> steal's CAS: the task was complete before it is seen. What the owner
/// takes it has put there itself: relaxed RMWs, which go on with put's and look_closely's release
/// sequences.
template <class T, template <class> class AtomicOf = Atomic>
class NextSlot {
public:
    /// What a thief remembers between its two looks.
    struct Sight {
        T* task = nullptr;
        std::uint32_t stamp = 0;
    };

    // ---- the owner

    /// Puts a task in; returns the one that was there.
    [[nodiscard]] T* put(T& task, bool shared) noexcept {
        stamp_.store(stamp_.load(relaxed) + 1, relaxed);
        if (!shared) {
            T* const old = slot_.load(relaxed);
            slot_.store(&task, relaxed);
            return old;
        }
        return slot_.exchange(&task, acq_rel);
    }
    [[nodiscard]] T* take(bool shared) noexcept {
        T* const seen = slot_.load(relaxed);
        if (seen == nullptr) {
            return nullptr;
        }
        if (!shared) {
            slot_.store(nullptr, relaxed);
            return seen;
        }
        return slot_.exchange(nullptr, relaxed);
    }

    /// Takes `task` out if it is in.
    [[nodiscard]] bool take_this(T& task, bool shared) noexcept {
        if (slot_.load(relaxed) != &task) {
            return false;
        }
        if (!shared) {
            slot_.store(nullptr, relaxed);
            return true;
        }
        T* expected = &task;
        return slot_.compare_exchange_strong(expected, nullptr, relaxed, relaxed);
    }

    // ---- any

    [[nodiscard]] bool looks_empty() const noexcept { return slot_.load(relaxed) == nullptr; }
    /// The sleeper's look, an RMW as PublicRing::look_closely is.
    [[nodiscard]] bool look_closely() noexcept {
        T* expected = nullptr;
        return !slot_.compare_exchange_strong(expected, nullptr, acq_rel, acquire);
    }
    [[nodiscard]] std::uint32_t stamp() const noexcept { return stamp_.load(relaxed); }
    [[nodiscard]] Sight look() const noexcept {
        return {slot_.load(relaxed), stamp_.load(relaxed)};
    }
    [[nodiscard]] T* steal(const Sight& seen) noexcept {
        if (seen.task == nullptr || stamp_.load(relaxed) != seen.stamp) {
            return nullptr;
        }
        T* expected = seen.task;
        return slot_.compare_exchange_strong(expected, nullptr, acq_rel, relaxed) ? expected
                                                                                  : nullptr;
    }

private:
    AtomicOf<T*> slot_{nullptr};
    AtomicOf<std::uint32_t> stamp_{0};  // relaxed: a hint that the slot has changed hands
};

}  // namespace weft::rt
