#pragma once

#include <cstdint>

#include "base/atomic.hpp"
#include "base/birthplace.hpp"
#include "base/check.hpp"
#include "base/clock.hpp"
#include "base/heavy_barrier.hpp"
#include "base/spin_lock.hpp"
#include "sched/sharing.hpp"

namespace weft::rt {

/// What OwnerLock needs of the machine; a model has its own.
struct RealSides {
    /// How often who claims it looks whether the owner is out.
    static constexpr int kPatience = 64;
    static void light_barrier() noexcept { rt::light_barrier(); }
    [[nodiscard]] static bool heavy_barrier() noexcept { return rt::heavy_barrier(); }
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
            if (++pauses_ < kBeforeSleep) {
                backoff_.pause();
            } else {
                block_thread_for(kSleep
                );  // it may need this very core, which a yield does not give
            }
        }

    private:
        static constexpr int kBeforeSleep = 200;
        static constexpr Nanos kSleep = 50'000;
        Backoff backoff_;
        int pauses_ = 0;
    };
};

/// A lock that nearly always is its owner's, who takes it for two stores and a load. Another who wants what it
/// guards pays for both: it claims the lock, passes a heavy barrier, and waits until the owner is out.
///
///   the owner                                    who claims
///   1. count_ = odd                              1. claim_: free -> asked by me, or give up
///   2. light barrier                             2. heavy barrier
///   3. claim_ is free? go on at 4                3. claim_: asked by me -> held, or give up
///      asked: claim_ -> free, and go on          4. count_ is odd? wait a little, or give up
///      held: step back, and wait                 5. what is guarded; claim_ = free
///   4. what is guarded; count_ = even
///
/// With the barriers one of two sees the other: an owner that read free in 3 before the heavy barrier has its store
/// of 1 seen behind it; one that reads after it sees the claim. The barrier may take long, so who only asks is not
/// waited for, but revoked: both changes of `asked` are RMWs, of which one comes first, and `asked` has a name,
/// as a revoked one must not take the next one's for its own. Without heavy barriers who claims goes from free to held
/// at once, and 1 and 3 of the owner, and that and 4 of the other, are seq_cst.
///
/// The count also tells others how much the owner has been in here; and where `sharing` is Rmws its last
/// write, and the look of who is about to sleep, are RMWs of one word (sleep_protocol.md).
///
/// Edges: unlock's write of count_ -> claim's load: what the owner did. release_claim's store -> lock's load of claim_,
/// and the next claim's RMW or its heavy barrier: what was done meanwhile.
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
            if (claim_.load(acquire) != kFree) [[unlikely]] {
                revoke_or_wait();
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

    /// False when another has claimed it, or the owner came in meanwhile, or does not come out: it may have lost
    /// its core. `who`: from 2 on, another number for each who may claim at the same time.
    [[nodiscard]] bool claim(std::uint32_t who) noexcept {
        std::uint32_t seen = kFree;
        if (sharing_ == Sharing::Barriers) {
            // relaxed: what the last one to hold it did is known behind the barrier
            if (!claim_.compare_exchange_strong(seen, who, relaxed, relaxed)) {
                return false;
            }
            const bool passed = Sides::heavy_barrier();
            seen = who;
            // relaxed: it goes on from the first, and an owner that has revoked it has nothing to tell
            const bool still_asked =
                claim_.compare_exchange_strong(seen, passed ? kHeld : kFree, relaxed, relaxed);
            if (!still_asked || !passed) {
                return false;
            }
        } else if (!claim_.compare_exchange_strong(
                       seen, kHeld, std::memory_order_seq_cst, relaxed
                   )) {
            return false;
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
    void release_claim() noexcept { claim_.store(kFree, release); }

    /// How often the owner has been in here, twice, modulo 2^32.
    [[nodiscard]] std::uint32_t count() const noexcept { return count_.load(relaxed); }
    /// The sleeper's look: what was done here before comes before what follows, or the other way round.
    void look_closely() noexcept {
        if (sharing_ == Sharing::Rmws) {
            static_cast<void>(count_.fetch_add(0, acq_rel));
        }
    }

private:
    static constexpr std::uint32_t kFree = 0;
    static constexpr std::uint32_t kHeld = 1;

    [[gnu::noinline]] void lock_by_rmw() noexcept {
        static_cast<void>(count_.exchange(count_.load(relaxed) + 1, std::memory_order_seq_cst));
        if (claim_.load(std::memory_order_seq_cst) != kFree) [[unlikely]] {
            revoke_or_wait();
        }
    }
    [[gnu::noinline]] void unlock_by_rmw() noexcept {
        static_cast<void>(count_.exchange(count_.load(relaxed) + 1, acq_rel));
    }
    /// Somebody asks, or has it. Who only asks is told no; else steps back, waits, and tries once more.
    [[gnu::noinline, gnu::cold]] void revoke_or_wait() noexcept {
        std::uint32_t seen = claim_.load(acquire);
        if (seen > kHeld && claim_.compare_exchange_strong(seen, kFree, acquire, acquire)) {
            return;
        }
        if (seen != kFree) {
            unlock();
            typename Sides::Pause pause;
            while (claim_.load(relaxed) == kHeld) {  // lock() acquires
                pause(birthplace_);
            }
            lock();
        }
    }

    AtomicOf<std::uint32_t> count_{0};  // odd while the owner is inside
    AtomicOf<std::uint32_t> claim_{kFree};
    const Sharing sharing_;
    const Birthplace birthplace_;
};

}  // namespace weft::rt
