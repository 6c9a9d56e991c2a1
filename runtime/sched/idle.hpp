#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "base/atomic.hpp"

namespace weft::rt {

/// Who sleeps and may be woken for stealable work, and how many are awake only to look for some.
/// The protocol is in sleep_protocol.md; its model in tests/model/sleep_model_test.cpp.
template <template <class> class AtomicOf = Atomic, std::size_t kWords = 16>
class Idle {
public:
    static constexpr int kMostWorkers = static_cast<int>(kWords) * 64;

    /// How many workers there are; before there are any threads.
    void set_workers(int workers) noexcept {
        words_in_use_ = (static_cast<std::size_t>(workers) + 63) / 64;
    }

    // ---- a worker about itself

    /// From here on somebody may choose this worker; if it was searching, it no longer is. The
    /// count is written either way: whoever lowers it later, and may be relied on until then, sees
    /// the announcement. The worker looks at every queue once more after this.
    /// Returns  whether nobody searches now.
    bool announce(int worker, bool was_searching) noexcept {
        word(worker).fetch_or(bit(worker), relaxed);  // published by the count, right behind it
        const std::int32_t self = was_searching ? 1 : 0;
        return searching_.fetch_sub(self, acq_rel) == self;
    }
    /// False when somebody has chosen it meanwhile: it counts as searching then.
    [[nodiscard]] bool retract(int worker) noexcept {
        return (word(worker).fetch_and(~bit(worker), acq_rel) & bit(worker)) != 0;
    }
    /// Whether to go looking for work: not when half of those awake are at it already. relaxed, here
    /// and below: to begin is only a number, all that others rely on is in the RMW that ends it.
    [[nodiscard]] bool begin_search(int workers) noexcept {
        if (2 * searching_.load(relaxed) >= workers) {
            return false;
        }
        searching_.fetch_add(1, relaxed);
        return true;
    }
    /// The same, whatever the others do: for a worker that has seen work it is now responsible for.
    void begin_search_anyway() noexcept { searching_.fetch_add(1, relaxed); }
    /// True for the last one.
    bool end_search() noexcept { return searching_.fetch_sub(1, acq_rel) == 1; }

    // ---- a submitter

    [[nodiscard]] bool anybody() const noexcept {
        for (std::size_t i = 0; i < words_in_use_; ++i) {
            if (words_[i].load(relaxed) != 0) {
                return true;
            }
        }
        return false;
    }
    [[nodiscard]] bool somebody_searches() const noexcept { return searching_.load(relaxed) != 0; }

    enum class Choice {
        Chosen,  ///< it counts as searching from now on, and the caller wakes it
        Awake,   ///< it cannot be chosen; ask for another
        Again,   ///< the same, and others may have relied on the count: start from the beginning
    };
    [[nodiscard]] Choice choose(int worker) noexcept {
        if ((word(worker).load(relaxed) & bit(worker)) == 0) {
            return Choice::Awake;
        }
        searching_.fetch_add(1, relaxed);  // retract's release shows it to the one who is chosen
        if (retract(worker)) {
            return Choice::Chosen;
        }
        return searching_.fetch_sub(1, acq_rel) == 1 ? Choice::Again : Choice::Awake;
    }

private:
    static std::uint64_t bit(int worker) noexcept { return std::uint64_t{1} << (worker % 64); }
    [[nodiscard]] AtomicOf<std::uint64_t>& word(int worker) noexcept {
        return words_[static_cast<std::size_t>(worker) / 64];
    }

    std::size_t words_in_use_ = kWords;
    alignas(kCacheLine) std::array<AtomicOf<std::uint64_t>, kWords> words_{};
    alignas(kCacheLine) AtomicOf<std::int32_t> searching_{0};
};

}  // namespace weft::rt
