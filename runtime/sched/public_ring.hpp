#pragma once

#include <array>
#include <cstdint>

#include "base/atomic.hpp"
#include "sched/sharing.hpp"

namespace weft::rt {

/// The stealable tasks that others may take: the owner pushes and pops, thieves take half.
///
/// Oldest first for everybody, so that what was spawned first is not starved by what came later.
/// With no other worker in the runtime (Sharing::None) the owner needs no RMW at all.
///
/// The write of tail_ that publishes is also the submitter's half of the sleep protocol (sleep_protocol.md):
/// look_closely() is the sleeper's half. Without heavy barriers both are RMWs.
///
/// Edges:
///   publish  push: write of tail_  ->  steal_half: load of tail_   slots were written before a thief
///                                                                sees them
///   claim    steal_half: CAS of head_  ->  room, steal_half (into): load of head_   a slot was read
///                                                                before the owner uses it again
/// The other accesses to head_ are relaxed: an old head makes a CAS fail, and what the owner pops it
/// has put there itself.
template <class T, template <class> class AtomicOf = Atomic, std::uint32_t kSize = 256>
class PublicRing {
    static_assert((kSize & (kSize - 1)) == 0);

public:
    static constexpr std::uint32_t kCapacity = kSize;

    // ---- the owner

    [[nodiscard]] std::uint32_t room() const noexcept {
        return kCapacity - (tail_.load(relaxed) - head_.load(acquire));  // claim
    }

    /// Adds what `next()` gives, `count` times (at most room()), and publishes it at once.
    template <class Next>
    void push_batch(std::uint32_t count, Next next, Sharing sharing) noexcept {
        const std::uint32_t tail = tail_.load(relaxed);  // only the owner writes tail_
        for (std::uint32_t i = 0; i < count; ++i) {
            slot(tail + i).store(next(), relaxed);
        }
        publish(tail + count, sharing);
    }

    /// False when full.
    [[nodiscard]] bool push(T& element, Sharing sharing) noexcept {
        if (room() == 0) [[unlikely]] {
            return false;
        }
        const std::uint32_t tail = tail_.load(relaxed);
        slot(tail).store(&element, relaxed);
        publish(tail + 1, sharing);
        return true;
    }

    [[nodiscard]] T* pop(Sharing sharing) noexcept {
        std::uint32_t head = head_.load(relaxed);
        const std::uint32_t tail = tail_.load(relaxed);
        if (sharing == Sharing::None) {
            if (head == tail) {
                return nullptr;
            }
            T* const element = slot(head).load(relaxed);
            head_.store(head + 1, relaxed);
            return element;
        }
        while (head != tail) {
            T* const element = slot(head).load(relaxed);
            if (head_.compare_exchange_weak(head, head + 1, relaxed, relaxed)) {
                return element;
            }
        }
        return nullptr;
    }

    /// Takes the oldest if that is `element`.
    [[nodiscard]] bool pop_this(T& element) noexcept {
        std::uint32_t head = head_.load(relaxed);
        return head != tail_.load(relaxed) && slot(head).load(relaxed) == &element &&
               head_.compare_exchange_strong(head, head + 1, relaxed, relaxed);
    }

    /// Takes all, oldest first, if they are no more than `most`; returns how many.
    [[nodiscard]] std::uint32_t take_all(T** into, std::size_t most) noexcept {
        std::uint32_t head = head_.load(relaxed);
        const std::uint32_t tail = tail_.load(relaxed);
        while (head != tail && tail - head <= most) {
            for (std::uint32_t at = head; at != tail; ++at) {
                into[at - head] = slot(at).load(relaxed);
            }
            if (head_.compare_exchange_weak(head, tail, relaxed, relaxed)) {
                return tail - head;
            }
        }
        return 0;
    }

    // ---- thieves

    /// Moves the older half of this ring into `into`, the thief's own, which is empty; returns one
    /// of them for the thief to run, and adds the number taken to `taken`.
    [[nodiscard]] T* steal_half(PublicRing& into, std::uint32_t& taken, Sharing sharing) noexcept {
        // claim: others may have stolen from the very slots that are filled here
        static_cast<void>(into.head_.load(acquire));
        const std::uint32_t to = into.tail_.load(relaxed);
        std::uint32_t head = head_.load(relaxed);
        for (;;) {
            const std::uint32_t tail = tail_.load(acquire);  // publish
            const std::uint32_t size = tail - head;
            if (size == 0) {
                return nullptr;
            }
            if (size > kCapacity) {
                head = head_.load(relaxed);  // one of them was stale
                continue;
            }
            const std::uint32_t count = size - size / 2;
            T* const first = slot(head).load(relaxed);
            for (std::uint32_t i = 1; i < count; ++i) {
                into.slot(to + i - 1).store(slot(head + i).load(relaxed), relaxed);
            }
            if (head_.compare_exchange_weak(head, head + count, release, relaxed)) {  // claim
                if (count > 1) {
                    into.publish(to + count - 1, sharing);
                }
                taken += count;
                return first;
            }
        }
    }

    // ---- any

    [[nodiscard]] bool looks_empty() const noexcept {
        return head_.load(relaxed) == tail_.load(relaxed);
    }
    /// The sleeper's look. Of Rmws: either it sees a push, or that push's RMW comes after this one and its
    /// thread sees everything that this thread wrote before. Of Barriers: who looks for all has
    /// passed a heavy one before.
    [[nodiscard]] bool look_closely(Sharing sharing) noexcept {
        const std::uint32_t tail =
            sharing == Sharing::Rmws ? tail_.fetch_add(0, acq_rel) : tail_.load(relaxed);
        // relaxed: an old head shows work where there is none, and never the other way round
        return tail != head_.load(relaxed);
    }
    /// How many were ever pushed here, modulo 2^32: whether there is any traffic.
    [[nodiscard]] std::uint32_t pushed() const noexcept { return tail_.load(relaxed); }
    [[nodiscard]] std::uint32_t size() const noexcept {
        return tail_.load(relaxed) - head_.load(relaxed);
    }

private:
    [[nodiscard]] AtomicOf<T*>& slot(std::uint32_t at) noexcept { return slots_[at % kCapacity]; }

    void publish(std::uint32_t tail, Sharing sharing) noexcept {
        if (sharing == Sharing::Rmws) {
            static_cast<void>(tail_.exchange(tail, acq_rel));  // publish
        } else {
            tail_.store(tail, release);  // publish
        }
    }

    alignas(kCacheLine) AtomicOf<std::uint32_t> head_{0};
    alignas(kCacheLine) AtomicOf<std::uint32_t> tail_{0};
    alignas(kCacheLine) std::array<AtomicOf<T*>, kCapacity> slots_{};
};

}  // namespace weft::rt
