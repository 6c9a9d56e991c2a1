#pragma once

#include "base/atomic.hpp"
#include "base/birthplace.hpp"

namespace weft::rt {

/// Counts the threads that give no task what it waits for of their own accord: they wait for tasks or for
/// errands, or only look. Loops are not counted.
///
/// Edges: begin's and end's release -> count's acquire: what such a thread did before.
class HelperThread {
public:
    HelperThread() noexcept { begin(); }
    HelperThread(const HelperThread&) = delete;
    HelperThread& operator=(const HelperThread&) = delete;
    ~HelperThread() { end(); }

    /// For those that are helpers no more before they know it themselves.
    static void begin() noexcept { count_.fetch_add(1, release); }
    static void end() noexcept { count_.fetch_sub(1, release); }

    /// How many there are in the process; in a child of fork(), which has none of them, fewer than none.
    [[nodiscard]] static int count() noexcept {
        constexpr int kNobodyKnows = -1'000'000;
        return birthplace_.is_here() ? count_.load(acquire) : kNobodyKnows;
    }

private:
    static inline Atomic<int> count_{0};
    static inline const Birthplace birthplace_;
};

}  // namespace weft::rt
