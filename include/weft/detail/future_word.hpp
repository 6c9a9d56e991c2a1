#pragma once

#include <atomic>
#include <cstdint>

namespace weft::detail {

enum class Status : std::uint8_t { Pending, Value, Error, Cancelled };

/// The one word of a future or a task: whether it is done, who is to be told, and how many refer to it. In
/// one word, so that
///   - it becomes done, and the runtime's own reference goes, in one step;
///   - the last who refers to one that is done drops it without an atomic step: nobody else can come to it.
///
///   bits 16 to 63   0  pending, nobody waits       1 to 3  done: the Status
///                   else pending; the address of the newest listener, which leads to older ones
///                   bit 2 of it (of a task): somebody has marked it as cancelled, so that its end looks once more
///   bits 0 to 15    references. Of many, some are counted in `lent_`, kChunk each: add_ref lends when there are
///                   kMany, release takes back when few are left. Both leave room for each thread to be in the middle
///                   of one.
///
/// One who has no reference, but knows that the memory stays (a record), may take one of what is pending and not
/// at its end: try_add_ref. It is a CAS of the whole word, so it fails if that has become done meanwhile; or it
/// is another future by now, and a reference of that.
///
/// Edges: finish's CAS -> done()'s load, subscribe's failed CAS: the result is readable.
///        note_cancel's CAS -> finish_task's RMW: the mark of the cancellation is found.
///        subscribe's CAS -> finish's CAS: the listener is complete.
///        release's decrement -> the last release's load or decrement: every use comes before the end.
///        begin's store -> try_add_ref's CAS: what was made.
template <template <class> class AtomicOf = std::atomic, unsigned kReferenceBits = 16>
class FutureWord {
public:
    /// What is to be done by one who has finished it.
    struct Finished {
        std::uintptr_t waiting;  ///< the newest listener; 0: none
        bool kept;  ///< the one who finished it holds a reference more, until they are told
        bool last;  ///< nobody refers to it any more
    };

    explicit FutureWord(std::uint64_t references) noexcept : word_(references) {}

    // ---- references

    void add_ref() noexcept {
        const std::uint64_t old = word_.fetch_add(1, std::memory_order_relaxed);
        if ((old & kReferences) >= kMany) [[unlikely]] {
            lend();
        }
    }
    /// True for the last one, who ends what it is the word of.
    [[nodiscard]] bool release() noexcept {
        const std::uint64_t seen = word_.load(std::memory_order_acquire);
        if (runs_low(seen)) [[unlikely]] {
            take_back();
        } else if ((seen & kReferences) == 1 && is_done(seen)) {
            return true;  // the caller's reference is the only one
        }
        return (word_.fetch_sub(1, std::memory_order_acq_rel) & kReferences) == 1;
    }
    [[nodiscard]] bool sole_owner() const noexcept {
        const std::uint64_t word = word_.load(std::memory_order_acquire);
        return (word & kReferences) == 1 && !runs_low(word);
    }
    [[nodiscard]] bool try_add_ref() noexcept {
        std::uint64_t word = word_.load(std::memory_order_relaxed);
        while ((word & kReferences) != 0 && !is_done(word)) {
            if (word_.compare_exchange_weak(
                    word, word + 1, std::memory_order_acq_rel, std::memory_order_relaxed
                )) {
                if ((word & kReferences) >= kMany) [[unlikely]] {
                    lend();
                }
                return true;
            }
        }
        return false;
    }
    /// Of a record: nobody refers to it. By the one who has it.
    void retire() noexcept { word_.store(0, std::memory_order_relaxed); }
    /// Of a record: it is pending from here on.
    void begin(std::uint64_t references) noexcept {
        word_.store(references, std::memory_order_release);
    }

    // ---- the end

    [[nodiscard]] Status status() const noexcept {
        const std::uint64_t word = word_.load(std::memory_order_acquire);
        return is_done(word) ? static_cast<Status>(word >> kReferenceBits) : Status::Pending;
    }
    [[nodiscard]] bool done() const noexcept {
        return is_done(word_.load(std::memory_order_acquire));
    }

    /// By one who refers to it.
    [[nodiscard]] Finished finish(Status status) noexcept {
        std::uint64_t word = word_.load(std::memory_order_relaxed);
        for (;;) {
            const bool waited_for = word >> kReferenceBits != 0;
            const std::uint64_t done =
                done_word(status, (word & kReferences) + (waited_for ? 1 : 0));
            // acq_rel: what each subscriber wrote is seen here, and the result by who finds it done.
            if (word_.compare_exchange_weak(
                    word, done, std::memory_order_acq_rel, std::memory_order_relaxed
                )) {
                return {chain_of(word), waited_for, false};
            }
        }
    }
    /// The same for a task, and the runtime's reference goes with it. `status_after(noted)` says how it ends; it
    /// is asked again when there is news of a cancellation.
    template <class StatusAfter>
    [[nodiscard]] Finished finish_task(StatusAfter status_after) noexcept {
        std::uint64_t word = word_.load(std::memory_order_relaxed);
        if (word <= kReferences) [[likely]] {  // nobody waits, nobody has cancelled it
            const std::uint64_t done = done_word(status_after(), word - 1);
            if (word_.compare_exchange_strong(
                    word, done, std::memory_order_acq_rel, std::memory_order_relaxed
                )) {
                return {0, false, (done & kReferences) == 0};
            }
        }
        for (;;) {
            if ((word & kNoted) != 0) [[unlikely]] {
                word = word_.fetch_and(~kNoted, std::memory_order_acq_rel) & ~kNoted;
            }
            const Status status = status_after();
            const bool waited_for = word >> kReferenceBits != 0;
            // Its own reference keeps it until they are told.
            const std::uint64_t left = (word & kReferences) - (waited_for ? 0 : 1);
            if (word_.compare_exchange_weak(
                    word,
                    done_word(status, left),
                    std::memory_order_acq_rel,
                    std::memory_order_relaxed
                )) {
                return {chain_of(word), waited_for, left == 0};
            }
        }
    }
    /// False when it is done already.
    [[nodiscard]] bool note_cancel() noexcept {
        std::uint64_t word = word_.load(std::memory_order_relaxed);
        do {
            if (is_done(word)) {
                return false;
            }
            // release: the mark
        } while (!word_.compare_exchange_weak(
            word, word | kNoted, std::memory_order_release, std::memory_order_relaxed
        ));
        return true;
    }

    // ---- those who wait

    /// Links a listener, of which `link(older)` makes the next one known; false when it is done already.
    template <class LinkTo>
    [[nodiscard]] bool subscribe(std::uintptr_t listener, LinkTo link) noexcept {
        std::uint64_t word = word_.load(std::memory_order_acquire);  // finish's CAS
        for (;;) {
            if (is_done(word)) {
                return false;
            }
            link(chain_of(word));
            if (word_.compare_exchange_weak(
                    word,
                    std::uint64_t{listener} << kReferenceBits | (word & (kReferences | kNoted)),
                    std::memory_order_acq_rel,
                    std::memory_order_acquire
                )) {
                return true;
            }
        }
    }
    /// The newest of those who wait. acquire: subscribe's CAS.
    [[nodiscard]] std::uintptr_t waiting() const noexcept {
        return chain_of(word_.load(std::memory_order_acquire));
    }
    /// Puts `next` in the place of the newest, if that is `newest` still.
    [[nodiscard]] bool replace_newest(std::uintptr_t newest, std::uintptr_t next) noexcept {
        std::uint64_t word = word_.load(std::memory_order_relaxed);
        while (chain_of(word) == newest) {
            if (word_.compare_exchange_weak(
                    word,
                    std::uint64_t{next} << kReferenceBits | (word & (kReferences | kNoted)),
                    std::memory_order_acq_rel,
                    std::memory_order_relaxed
                )) {
                return true;
            }
        }
        return false;
    }

private:
    static constexpr std::uint64_t kReferences = (std::uint64_t{1} << kReferenceBits) - 1;
    static constexpr std::uint64_t kNoted = std::uint64_t{4} << kReferenceBits;
    static constexpr std::uint64_t kChunk = (kReferences + 1) / 4;
    static constexpr std::uint64_t kMany = 3 * kChunk;
    static constexpr std::uint64_t kFew = kChunk / 4;

    static bool is_done(std::uint64_t word) noexcept {
        return (word >> kReferenceBits) - 1 < static_cast<std::uint64_t>(Status::Cancelled);
    }
    static std::uintptr_t chain_of(std::uint64_t word) noexcept {
        return is_done(word) ? 0 : static_cast<std::uintptr_t>((word & ~kNoted) >> kReferenceBits);
    }
    static std::uint64_t done_word(Status status, std::uint64_t references) noexcept {
        return static_cast<std::uint64_t>(status) << kReferenceBits | references;
    }

    /// Whether some are to be taken back, by one who refers to it, before he gives that up. relaxed: the
    /// word was read with acquire, and lend's CAS of it comes after what it has lent.
    [[nodiscard]] bool runs_low(std::uint64_t word) const noexcept {
        return (word & kReferences) <= kFew && lent_.load(std::memory_order_relaxed) != 0;
    }
    // Both, by one who refers to it: some are counted twice for a moment, and none ever not at all.
    void lend() noexcept {
        lent_.fetch_add(1, std::memory_order_relaxed);
        for (;;) {
            std::uint64_t word = word_.load(std::memory_order_relaxed);
            const std::uint64_t references = word & kReferences;
            // Others may have given up so many meanwhile that it is better not to; or have taken back what is
            // lent here: then it is in the word twice.
            if (references <= kChunk + kFew && try_take_lent()) {
                return;
            }
            if (references > kChunk &&
                word_.compare_exchange_weak(
                    word, word - kChunk, std::memory_order_release, std::memory_order_relaxed
                )) {
                return;
            }
        }
    }
    void take_back() noexcept {
        word_.fetch_add(kChunk, std::memory_order_relaxed);
        if (!try_take_lent()) {
            word_.fetch_sub(kChunk, std::memory_order_relaxed);  // somebody else has taken it back
        }
    }
    [[nodiscard]] bool try_take_lent() noexcept {
        std::uint32_t lent = lent_.load(std::memory_order_relaxed);
        while (lent != 0 && !lent_.compare_exchange_weak(
                                lent, lent - 1, std::memory_order_relaxed, std::memory_order_relaxed
                            )) {
        }
        return lent != 0;
    }

    AtomicOf<std::uint64_t> word_;
    AtomicOf<std::uint32_t> lent_{0};
};

}  // namespace weft::detail
