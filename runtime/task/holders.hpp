#pragma once

#include <cstdint>
#include <string>
#include <vector>
#include <weft/detail/future_state.hpp>
#include <weft/detail/holders.hpp>

namespace weft::rt {

/// One who could end a wait: he has what others wait for, or is awaited.
struct Holder {
    const detail::FutureState* future;  ///< null: neither task nor future. Only to be compared
    std::uint64_t task_id;              ///< 0: no task. Its record may be another's by now
    std::string text;  ///< "task 'x' spawned at f.cpp:3", "a callback", "thread 12"
};

/// From here on, for good.
void watch_holders() noexcept;

/// Those who have said so, and have not taken it back. Any thread.
[[nodiscard]] std::vector<Holder> holders_of(const void* object);

}  // namespace weft::rt
