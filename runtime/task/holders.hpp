#pragma once

#include <cstdint>
#include <string>
#include <vector>
#include <weft/detail/future_state.hpp>
#include <weft/detail/holders.hpp>

namespace weft::rt {

/// One who could end a wait: he has what others wait for, or is awaited.
struct Holder {
    const void*
        who;  ///< a task's FutureState; another object that is waited for; null: none of both
    std::uint64_t task_id;  ///< 0: no task. The record may be another's by now
    bool any;               ///< he is one of several, each of whom can
    std::string text;  ///< of one who has something: "task 'x' spawned at f.cpp:3", "a callback"
};

/// From here on, for good.
void watch_holders() noexcept;

/// Those who have said so, and have not taken it back. Any thread.
[[nodiscard]] std::vector<Holder> holders_of(const void* object);
/// How many objects somebody has something of, or is awaited for.
[[nodiscard]] std::size_t held_objects() noexcept;

}  // namespace weft::rt
