#pragma once

#include <cstdint>
#include <optional>

#include "base/atomic.hpp"

namespace weft::rt {

/// Why a sleep ended.
enum class WakeReason : std::uint8_t { Granted = 1, Cancelled = 2, TimedOut = 3, Retry = 4 };

/// The one word through which everybody who could wake a task races for its current sleep.
///
/// A sleep has an epoch and any number of wakers: the primitive, a deadline, a cancellation. The
/// first CAS wins; the others find another epoch and do nothing, so that a task is never submitted
/// twice. Records are type-stable and the epoch never goes back: a stale waker is harmless.
///
///   Awake ──open──► Asleep ──claim──► Awake, next epoch (the winner submits the task)
///                     │ ▲
///     request_cancel  │ │ end_forward
///     of a wait that  ▼ │
///     forwards     Forwarding ──claim──► Noted ──end_forward──► Awake, next epoch
///
/// Forwarding holds the sleeper still while its canceller cancels what it waits for: the sleeper
/// keeps that alive, and may not go on meanwhile. A waker who comes then leaves a note, and the
/// canceller submits for it.
///
/// One who looks at the sleeper's stack holds it in the same way (try_hold, end_look). A cancellation
/// that comes meanwhile is put down, and what it would have done is done at the end of the look.
///
/// A cancellation that finds the task awake leaves a mark in the same word; open() sees it, since
/// both are RMWs of one location: whichever comes second sees the other.
///
/// Edges: open's RMW -> claim's and request_cancel's CAS: what the sleeper wrote before it slept
///        (its context, what it waits for) is seen by whoever wins.
///        claim's CAS in Forwarding -> end_forward's and end_look's: the note, and what its writer did.
///        request_cancel's, end_forward's CAS -> take_cancel_mark: the message of the cancellation.
/// What a winner writes reaches the task through the ready queue it is submitted to.
template <template <class> class AtomicOf = Atomic>
class SleepWord {
public:
    struct Options {
        bool forwards = false;  ///< a cancellation goes to what the task waits for
        bool masked = false;    ///< a cancellation is only marked
    };
    enum class CancelStep {
        Marked,   ///< nothing more to do
        Claimed,  ///< the caller submits the task
        Forward,  ///< the caller cancels what the task waits for, then calls end_forward
    };

    // ---- the task itself

    [[nodiscard]] std::uint64_t epoch() const noexcept {
        return word_.load(relaxed) >> kEpochShift;
    }

    /// Makes the sleep winnable. False when a cancellation was marked before: the caller then ends
    /// the sleep itself by claiming it.
    [[nodiscard]] bool open(Options options) noexcept {
        const std::uint64_t bits =
            kAsleep | (options.forwards ? kForwards : 0) | (options.masked ? kMasked : 0);
        const std::uint64_t old = word_.fetch_add(bits, acq_rel);
        return options.masked || (old & kCancelMarked) == 0;
    }
    /// After the sleep: why it ended.
    [[nodiscard]] WakeReason reason() const noexcept { return reason_of(word_.load(relaxed)); }
    [[nodiscard]] bool cancel_marked() const noexcept {
        return (word_.load(relaxed) & kAnyMark) != 0;
    }
    /// Takes the mark away; false when there was none.
    bool take_cancel_mark() noexcept {
        return cancel_marked() && (word_.fetch_and(~kAnyMark, acq_rel) & kAnyMark) != 0;
    }
    /// The task has gone on: from here on ended_by_cancel() is false.
    void forget_reason() noexcept { word_.fetch_and(~(kReasonMask << kReasonShift), relaxed); }

    /// Ends the task's own sleep `epoch`, which it never left its stack for (a child that ran in
    /// its place has ended). Waits out a canceller that is forwarding: it is about to find the
    /// child done.
    void end_own(std::uint64_t epoch) noexcept {
        std::uint64_t word = word_.load(relaxed);
        for (;;) {
            if (word >> kEpochShift != epoch || (word & kStateMask) == kAwake) {
                return;
            }
            if ((word & kStateMask) != kAsleep) {
                word = word_.load(relaxed);
                continue;
            }
            if (word_.compare_exchange_weak(
                    word, awakened(word, WakeReason::Granted), acq_rel, relaxed
                )) {
                return;
            }
        }
    }

    /// For a record that is used again: wakers of the last owner find a new epoch (relaxed: only that).
    void renew() noexcept { word_.store((epoch() + 1) << kEpochShift, relaxed); }

    // ---- any thread

    /// Whether the last sleep was ended by a cancellation, of which the task has not been told yet.
    [[nodiscard]] bool ended_by_cancel() const noexcept {
        const std::uint64_t word = word_.load(relaxed);
        return (word & kStateMask) == kAwake && reason_of(word) == WakeReason::Cancelled;
    }

    /// Tries to end sleep number `epoch`; true when the caller has to submit the task.
    [[nodiscard]] bool claim(std::uint64_t epoch, WakeReason reason) noexcept {
        std::uint64_t word = word_.load(relaxed);
        while (word >> kEpochShift == epoch) {
            const std::uint64_t state = word & kStateMask;
            if (state == kAsleep) {
                if (word_.compare_exchange_weak(word, awakened(word, reason), acq_rel, relaxed)) {
                    return true;
                }
            } else if (state == kForwarding) {
                if (word_.compare_exchange_weak(word, noted(word, reason), acq_rel, relaxed)) {
                    return false;
                }
            } else {
                return false;  // awake already, or somebody left a note first
            }
        }
        return false;
    }

    enum class ClaimStep {
        Claimed,    ///< the caller submits the task
        NotAsleep,  ///< it is in that epoch and awake: it may be on its way into this very sleep
        Over,       ///< nothing more to do
    };
    /// The same, for one who may come before the sleeper is there.
    [[nodiscard]] ClaimStep claim_early(std::uint64_t epoch, WakeReason reason) noexcept {
        std::uint64_t word = word_.load(relaxed);
        while (word >> kEpochShift == epoch) {
            const std::uint64_t state = word & kStateMask;
            if (state == kAwake) {
                return ClaimStep::NotAsleep;
            }
            if (state == kAsleep) {
                if (word_.compare_exchange_weak(word, awakened(word, reason), acq_rel, relaxed)) {
                    return ClaimStep::Claimed;
                }
            } else if (state == kNoted || word_.compare_exchange_weak(word, noted(word, reason), relaxed, relaxed)) {
                break;  // whoever holds it submits it, and reads no more of us than the reason
            }
        }
        return ClaimStep::Over;
    }

    [[nodiscard]] CancelStep request_cancel() noexcept {
        std::uint64_t word = word_.load(relaxed);
        for (;;) {
            const std::uint64_t state = word & kStateMask;
            if (state == kForwarding || state == kNoted) {
                if ((word & kLooked) == 0) {
                    return CancelStep::Marked;  // another canceller is forwarding right now
                }
                if (word_.compare_exchange_weak(word, word | kMarkedInLook, acq_rel, relaxed)) {
                    return CancelStep::Marked;
                }
                continue;
            }
            if (state == kAwake || (word & kMasked) != 0) {
                if (word_.compare_exchange_weak(word, word | kCancelMarked, acq_rel, relaxed)) {
                    return CancelStep::Marked;
                }
            } else if ((word & kForwards) != 0) {
                const std::uint64_t forwarding = (word & ~kStateMask) | kForwarding;
                if (word_.compare_exchange_weak(word, forwarding, acq_rel, relaxed)) {
                    return CancelStep::Forward;
                }
            } else if (word_.compare_exchange_weak(
                           word, awakened(word, WakeReason::Cancelled), acq_rel, relaxed
                       )) {
                return CancelStep::Claimed;
            }
        }
    }

    /// Holds a sleeper still, to look at its stack; end_look() lets it go. False when it does not sleep,
    /// or is held by somebody else.
    [[nodiscard]] bool try_hold() noexcept {
        std::uint64_t word = word_.load(relaxed);
        while ((word & kStateMask) == kAsleep) {
            const std::uint64_t held = (word & ~kStateMask) | kForwarding | kLooked;
            if (word_.compare_exchange_weak(word, held, acq_rel, relaxed)) {
                return true;
            }
        }
        return false;
    }
    /// What a cancellation that came meanwhile, or a waker, leaves to the one who looked. Forward: it is
    /// held on, by a canceller now.
    [[nodiscard]] CancelStep end_look() noexcept {
        std::uint64_t word = word_.load(relaxed);
        for (;;) {
            const bool cancelled = (word & kMarkedInLook) != 0;
            const std::uint64_t mark = cancelled ? kCancelMarked : 0;
            const std::uint64_t held = word & ~(kLooked | kMarkedInLook);
            std::uint64_t next = (held & ~kStateMask) | kAsleep | mark;
            CancelStep step = CancelStep::Marked;
            if ((word & kStateMask) == kNoted) {
                next = awakened(word, reason_of(word)) | mark;
                step = CancelStep::Claimed;
            } else if (cancelled && (word & kMasked) == 0) {
                const bool forwards = (word & kForwards) != 0;
                next = forwards ? held : awakened(word, WakeReason::Cancelled);
                step = forwards ? CancelStep::Forward : CancelStep::Claimed;
            }
            if (word_.compare_exchange_weak(word, next, acq_rel, relaxed)) {
                return step;
            }
        }
    }

    /// Lets the sleeper go on sleeping. `mark`: what it waits for would not be cancelled, so the
    /// task is, when it goes on. True when the caller has to submit the task.
    [[nodiscard]] bool end_forward(bool mark) noexcept {
        const std::uint64_t add = mark ? kCancelMarked : 0;
        std::uint64_t word = word_.load(relaxed);
        for (;;) {
            if ((word & kStateMask) == kNoted) {
                const std::uint64_t awake = awakened(word, reason_of(word)) | add;
                if (word_.compare_exchange_weak(word, awake, acq_rel, relaxed)) {
                    return true;
                }
            } else {
                const std::uint64_t asleep = (word & ~kStateMask) | kAsleep | add;
                if (word_.compare_exchange_weak(word, asleep, acq_rel, relaxed)) {
                    return false;
                }
            }
        }
    }

    /// For one who looks: the number of the sleep that it is in at this moment, if it is. Edge: open's RMW
    /// -> this: what it waits for.
    [[nodiscard]] std::optional<std::uint64_t> sleep_seen() const noexcept {
        const std::uint64_t word = word_.load(acquire);
        return (word & kStateMask) == kAwake ? std::nullopt : std::optional(word >> kEpochShift);
    }
    /// For a dump: whether it sleeps at this moment.
    [[nodiscard]] bool asleep() const noexcept {
        return (word_.load(relaxed) & kStateMask) != kAwake;
    }

private:
    static constexpr std::uint64_t kStateMask = 3;
    static constexpr std::uint64_t kAwake = 0;
    static constexpr std::uint64_t kAsleep = 1;
    static constexpr std::uint64_t kForwarding = 2;
    static constexpr std::uint64_t kNoted = 3;
    static constexpr unsigned kReasonShift = 2;
    static constexpr std::uint64_t kReasonMask = 7;
    static constexpr std::uint64_t kCancelMarked = 1U << 5;
    static constexpr std::uint64_t kForwards = 1U << 6;
    static constexpr std::uint64_t kMasked = 1U << 7;
    static constexpr std::uint64_t kLooked = 1U << 8;        // held by one who only looks
    static constexpr std::uint64_t kMarkedInLook = 1U << 9;  // cancelled while it was
    static constexpr unsigned kEpochShift = 10;
    static constexpr std::uint64_t kAnyMark = kCancelMarked | kMarkedInLook;

    static WakeReason reason_of(std::uint64_t word) noexcept {
        return static_cast<WakeReason>((word >> kReasonShift) & kReasonMask);
    }
    static std::uint64_t awakened(std::uint64_t word, WakeReason reason) noexcept {
        return ((word >> kEpochShift) + 1) << kEpochShift | (word & kCancelMarked) |
               static_cast<std::uint64_t>(reason) << kReasonShift;
    }
    static std::uint64_t noted(std::uint64_t word, WakeReason reason) noexcept {
        return (word & ~(kStateMask | kReasonMask << kReasonShift)) | kNoted |
               static_cast<std::uint64_t>(reason) << kReasonShift;
    }

    AtomicOf<std::uint64_t> word_{0};
};

}  // namespace weft::rt
