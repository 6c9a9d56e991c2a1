#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/atomic.hpp"
#include "base/intrusive_list.hpp"

namespace weft::rt {

/// The stealable tasks that a loop keeps to itself, as its public ring has enough for thieves: all that
/// became ready after those in the ring. The oldest go into the ring when that has room, or to a thief or the
/// rescuer when the loop does not come round.
///
/// The newest stand in an array, and each knows its place there: whoever waits for one takes it out, wherever
/// it stands, and calls it. The older ones, when there are many, are a chain. Neither asks for memory.
///
/// T has an atomic `queued_at`, and `next` of its base Link.
///
/// Guarded by the owner's OwnerLock; others may ask how many there look to be.
template <class T, class Link>
class Reserve {
public:
    // relaxed: written with the lock. The loop sees what it put in; what another took it may miss.
    [[nodiscard]] bool looks_empty() const noexcept { return size() == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_.load(relaxed); }

    /// Puts it behind all others. Returns how many of the older ones went into the chain for it.
    std::size_t push(T& element) noexcept {
        const std::size_t spilled = width() == kCapacity ? spill(kKept) : 0;
        place(tail_, element);
        ++tail_;
        add(1);
        return spilled;
    }

    /// The oldest; null when there is none.
    [[nodiscard]] T* pop() noexcept { return take_oldest(); }

    /// Calls `use(count, take)`, with which it takes the oldest ones out, at most `most`, with as many
    /// calls of `take()`.
    template <class Use>
    void take(std::size_t most, Use use) noexcept {
        use(std::min(most, size()), [this]() noexcept { return take_oldest(); });
    }

    /// Takes this one out, if it stands in the array or is the oldest of all.
    [[nodiscard]] bool take_this(T& element) noexcept {
        if (chain_.front() == &element) {
            static_cast<void>(take_oldest());
            return true;
        }
        // relaxed: who put it in here is this loop; a number from elsewhere leads to another task
        const std::uint16_t at = element.queued_at.load(relaxed);
        if (static_cast<std::uint16_t>(at - head_) >= width() || slot(at) != &element) {
            return false;
        }
        slot(at) = nullptr;
        trim();
        subtract(1);
        return true;
    }

    /// Puts before all others what `fill(places, room)` writes, at most `room`, oldest first; it returns how
    /// many.
    template <class Fill>
    void put_first(Fill fill) noexcept {
        std::array<T*, kCapacity> added;  // NOLINT: filled by fill
        const std::size_t room = chain_.empty() ? kCapacity - width() : 0;
        const std::size_t count = fill(added.data(), room);
        for (std::size_t i = count; i-- > 0;) {
            place(--head_, *added[i]);
        }
        add(count);
    }

private:
    static constexpr std::uint16_t kCapacity = 256;
    static constexpr std::uint16_t kKept = kCapacity / 2;

    [[nodiscard]] std::uint16_t width() const noexcept {
        return static_cast<std::uint16_t>(tail_ - head_);
    }
    [[nodiscard]] T*& slot(std::uint16_t at) noexcept { return slots_[at % kCapacity]; }
    void place(std::uint16_t at, T& element) noexcept {
        slot(at) = &element;
        element.queued_at.store(at, relaxed);
    }
    void add(std::size_t count) noexcept { size_.store(size() + count, relaxed); }
    void subtract(std::size_t count) noexcept { size_.store(size() - count, relaxed); }

    /// No empty place is the first or the last.
    void trim() noexcept {
        while (head_ != tail_ && slot(head_) == nullptr) {
            ++head_;
        }
        while (head_ != tail_ && slot(static_cast<std::uint16_t>(tail_ - 1)) == nullptr) {
            --tail_;
        }
    }
    /// Moves the older ones into the chain.
    std::size_t spill(std::uint16_t kept) noexcept {
        std::size_t count = 0;
        while (width() > kept) {
            if (T* const element = std::exchange(slot(head_++), nullptr); element != nullptr) {
                chain_.push(*element);
                ++count;
            }
        }
        trim();
        return count;
    }
    [[nodiscard]] T* take_oldest() noexcept {
        if (size() == 0) {
            return nullptr;
        }
        subtract(1);
        if (Link* const oldest = chain_.pop(); oldest != nullptr) {
            return static_cast<T*>(oldest);
        }
        T* const element = std::exchange(slot(head_), nullptr);
        trim();
        return element;
    }

    Atomic<std::size_t> size_{0};
    IntrusiveFifo<Link> chain_;
    std::uint16_t head_ = 0;
    std::uint16_t tail_ = 0;
    std::array<T*, kCapacity> slots_{};
};

}  // namespace weft::rt
