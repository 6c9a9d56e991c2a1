#pragma once

#include <cstdint>

#include "base/atomic.hpp"
#include "base/birthplace.hpp"
#include "base/check.hpp"
#include "base/heavy_barrier.hpp"
#include "base/spin_lock.hpp"
#include "sched/sharing.hpp"

namespace weft::rt {

/// What OwnerLock needs of the machine; a model has its own.
struct RealSides {
    /// How often who claims it looks whether the owner is out.
    static constexpr int kPatience = 64;
    static void light_barrier() noexcept { rt::light_barrier(); }
    static void heavy_barrier() noexcept { rt::heavy_barrier(); }
    /// How somebody waits, and that it is not for ever.
    class Pause {
    public:
        void operator()(const Birthplace& birthplace) noexcept {
            // Whoever was inside when the process was forked is inside for ever.
            WEFT_CHECK(
                birthplace.is_here(),
                "a loop goes on in a child process of fork(), where its thread can only exec or "
                "_exit"
            );
            backoff_.pause();
        }

    private:
        Backoff backoff_;
    };
};

/// A lock that nearly always is its owner's, who takes it for two stores and a load. Another who wants what it
/// guards pays for both: it claims the lock, passes a heavy barrier, and waits until the owner is out.
///
///   the owner                                  who claims (one at a time)
///   1. count_ = odd                            1. claimed_ = true
///   2. light barrier                           2. heavy barrier
///   3. claimed_? then step back, and wait      3. count_ odd? then wait a little, or give up
///   4. what is guarded; count_ = even          4. what is guarded; claimed_ = false
///
/// With the barriers one of two sees the other: an owner that read false in 3 before the heavy barrier has its
/// store of 1 seen behind it; one that reads after it sees the claim. Both may step back, as the owner does it
/// first and waits. Without heavy barriers 1 and 3 of both sides are seq_cst.
///
/// The count also tells others how much the owner has been in here; and where `sharing` is Rmws its last
/// write, and the look of who is about to sleep, are RMWs of one word (sleep_protocol.md).
///
/// Edges: unlock's write of count_ -> claim's load: what the owner did. release's store -> lock's load of
/// claimed_: what was done meanwhile.
template <template <class> class AtomicOf = Atomic, class Sides = RealSides>
class OwnerLock {
public:
    explicit OwnerLock(Sharing sharing) noexcept : sharing_(sharing) {}

    // ---- the owner; not twice at a time

    /// Calls `f()` with the lock; returns what it does.
    template <class F>
    [[gnu::always_inline]] auto hold(F f) noexcept {
        if (sharing_ == Sharing::None) {
            return f();  // compiled twice, as a loop that is alone is not to pay for the others
        }
        struct Held {
            OwnerLock& lock;
            ~Held() { lock.unlock(); }
        };
        lock();
        const Held held{*this};
        return f();
    }

    void lock() noexcept {
        if (sharing_ == Sharing::Barriers) [[likely]] {
            // relaxed, here and below: the owner's own word
            count_.store(count_.load(relaxed) + 1, relaxed);
            Sides::light_barrier();
            if (claimed_.load(acquire)) [[unlikely]] {
                wait_and_lock();
            }
        } else if (sharing_ == Sharing::Rmws) [[unlikely]] {
            lock_by_rmw();
        }
    }
    void unlock() noexcept {
        if (sharing_ == Sharing::Barriers) [[likely]] {
            count_.store(count_.load(relaxed) + 1, release);
        } else if (sharing_ == Sharing::Rmws) [[unlikely]] {
            unlock_by_rmw();
        }
    }

    // ---- any other thread

    /// False when another has claimed it, or the owner does not come out: it may have lost its core.
    [[nodiscard]] bool claim() noexcept {
        if (claimed_.exchange(true, std::memory_order_seq_cst)) {
            return false;
        }
        if (sharing_ == Sharing::Barriers) {
            Sides::heavy_barrier();
        }
        typename Sides::Pause pause;
        for (int looks = 1; count_.load(std::memory_order_seq_cst) % 2 != 0; ++looks) {
            if (looks == Sides::kPatience) {
                release_claim();
                return false;
            }
            pause(birthplace_);
        }
        return true;
    }
    void release_claim() noexcept { claimed_.store(false, release); }

    /// How often the owner has been in here, twice, modulo 2^32.
    [[nodiscard]] std::uint32_t count() const noexcept { return count_.load(relaxed); }
    /// The sleeper's look: what was done here before comes before what follows, or the other way round.
    void look_closely() noexcept {
        if (sharing_ == Sharing::Rmws) {
            static_cast<void>(count_.fetch_add(0, acq_rel));
        }
    }

private:
    [[gnu::noinline]] void lock_by_rmw() noexcept {
        static_cast<void>(count_.exchange(count_.load(relaxed) + 1, std::memory_order_seq_cst));
        if (claimed_.load(std::memory_order_seq_cst)) [[unlikely]] {
            wait_and_lock();
        }
    }
    [[gnu::noinline]] void unlock_by_rmw() noexcept {
        static_cast<void>(count_.exchange(count_.load(relaxed) + 1, acq_rel));
    }
    /// Steps back, waits until nobody claims it, and tries once more.
    [[gnu::noinline, gnu::cold]] void wait_and_lock() noexcept {
        count_.store(count_.load(relaxed) + 1, release);
        typename Sides::Pause pause;
        while (claimed_.load(acquire)) {
            pause(birthplace_);
        }
        lock();
    }

    AtomicOf<std::uint32_t> count_{0};  // odd while the owner is inside
    AtomicOf<bool> claimed_{false};
    const Sharing sharing_;
    const Birthplace birthplace_;
};

}  // namespace weft::rt
