#pragma once

#include "base/atomic.hpp"

namespace weft::rt {

/// While it lives, its thread is one that gives no task what it waits for of its own accord: it waits for
/// tasks or for jobs, or only looks. Loops are not counted.
class HelperThread {
public:
    HelperThread() noexcept { count_.fetch_add(1, relaxed); }
    HelperThread(const HelperThread&) = delete;
    HelperThread& operator=(const HelperThread&) = delete;
    ~HelperThread() { count_.fetch_sub(1, relaxed); }

    /// How many there are in the process.
    [[nodiscard]] static int count() noexcept { return count_.load(relaxed); }

private:
    static inline Atomic<int> count_{0};  // relaxed: a count
};

}  // namespace weft::rt
