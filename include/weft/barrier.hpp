#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <weft/condition.hpp>

namespace weft {

/// A place where a fixed number of tasks wait until all of them are there; then it is empty again
/// for the next round.
///
/// Threads   any loop and any thread: tasks of several loops and plain threads may meet.
/// asyncio   Barrier
class Barrier {
public:
    /// Errors    ValueError when `parties` is less than 1.
    explicit Barrier(std::ptrdiff_t parties);
    Barrier(const Barrier&) = delete;
    Barrier& operator=(const Barrier&) = delete;
    ~Barrier() = default;  ///< Nobody may be waiting.

    /// Waits until so many wait as the barrier was made for.
    ///
    /// Suspends      until all are there; before that, while an earlier round is still going away.
    /// Cancellation  safe: who is cancelled is no longer counted.
    /// Errors        BrokenBarrierError when the barrier is or gets broken or reset; CancelledError;
    ///               RuntimeError when it would have to wait in a callback.
    /// Threads       any; a plain thread blocks.
    /// Returns       a number from 0 on that is different for each in a round.
    /// asyncio       Barrier.wait
    std::size_t wait();

    /// Empties the barrier: those who wait get BrokenBarrierError. A broken one works again.
    ///
    /// Suspends      while somebody else is at the barrier's lock.
    /// Cancellation  safe; then nothing has happened.
    /// Errors        CancelledError.
    /// Threads       any.
    /// asyncio       Barrier.reset
    void reset();

    /// Breaks the barrier: those who wait, and who come until reset(), get BrokenBarrierError.
    ///
    /// Suspends      as reset().
    /// Cancellation  as reset().
    /// Errors        CancelledError.
    /// Threads       any.
    /// asyncio       Barrier.abort
    void abort();

    /// Returns how many it takes.
    ///
    /// asyncio   Barrier.parties
    [[nodiscard]] std::size_t parties() const noexcept { return parties_; }

    /// Returns how many wait for this round to be complete.
    ///
    /// Threads   any; others may change it at once.
    /// asyncio   Barrier.n_waiting
    [[nodiscard]] std::size_t n_waiting() const noexcept {
        return state_.load(std::memory_order_relaxed) == State::Filling
                   ? count_.load(std::memory_order_relaxed)
                   : 0;
    }

    /// Returns whether abort() was called, and no reset() since.
    ///
    /// Threads   any.
    /// asyncio   Barrier.broken
    [[nodiscard]] bool broken() const noexcept {
        return state_.load(std::memory_order_relaxed) == State::Broken;
    }

private:
    //   Filling ── the last one comes ──► Draining ── all have gone ──► Filling
    //      └── reset ──► Resetting ── all have gone ──► Filling
    //   any ── abort ──► Broken ── reset ──► Resetting, or Filling when nobody is inside
    enum class State : std::uint8_t { Filling, Draining, Resetting, Broken };

    template <class Predicate>
    void wait_until(Predicate predicate);
    void wait_for_release();
    void go_away();
    void enter(State state);

    Condition changed_;
    const std::size_t parties_;
    // Changed with the lock of changed_; atomic as anybody may ask. relaxed: the lock orders them.
    std::atomic<std::size_t> count_{0};  // inside: waiting, or going away
    std::atomic<State> state_{State::Filling};
};

}  // namespace weft
