#pragma once

#include <cstdint>

#include "base/atomic.hpp"

namespace weft::rt {

/// Through which threads outside bring new tasks to a runtime, until it shuts.
///
///   who brings a task                     shutdown
///   1. enter: word + 1; was it shut?      1. shut: set kShut
///   2. open: make the task, submit it     2. wait until it is empty
///   3. leave: word - 1                    3. look for the tasks there are
///
/// All are RMWs of one word, so one comes first. If shut does, enter reads it and no task is made.
/// If enter does, the door is not empty before leave, and then the task is seen.
///
/// Edges: leave's RMW -> empty's load; open's RMW -> enter's. Model: tests/model/door_model_test.cpp.
template <template <class> class AtomicOf = Atomic>
class Door {
public:
    /// False when it is shut; else leave() has to follow.
    [[nodiscard]] bool enter() noexcept {
        if ((word_.fetch_add(1, acquire) & kShut) == 0) {
            return true;
        }
        leave();
        return false;
    }
    void leave() noexcept { word_.fetch_sub(1, release); }

    /// Lets nobody in from here on. relaxed: it tells those outside nothing but itself.
    void shut() noexcept { word_.fetch_or(kShut, relaxed); }
    /// After shut(): whether all who were inside have left.
    [[nodiscard]] bool empty() const noexcept { return word_.load(acquire) == kShut; }

    [[nodiscard]] bool looks_shut() const noexcept { return (word_.load(relaxed) & kShut) != 0; }

    /// Lets people in again.
    void open() noexcept { word_.fetch_and(~kShut, release); }

private:
    static constexpr std::uint32_t kShut = 1U << 31;

    AtomicOf<std::uint32_t> word_{0};
};

}  // namespace weft::rt
