#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weft::storm {

/// Something that the workload gets wrong on purpose, once, to show that it would be found.
enum class Plant {
    None,
    TaskTwice,     ///< a task counts as ended twice
    TaskLost,      ///< a task's function is never seen destroyed
    TaskLeft,      ///< a task is alive after the round
    ItemLost,      ///< an item is taken out of a queue and forgotten
    ItemTwice,     ///< an item is counted as taken twice
    ParcelLeaked,  ///< an item's destructor does not run
    PermitLeaked,  ///< a semaphore does not get a permit back
    UpdateLost,    ///< somebody who has the lock leaves the number it guards as it was
    TokenLost,     ///< something that a condition announces is gone
    FutureTwice,   ///< a future counts as ended by two
    GroupLeft,     ///< a task of a group counts as alive after the group
    ErrorUnseen,   ///< an error that nobody looks at
    WakeLost,      ///< nobody sets an event that a task waits for
    LoopKept,      ///< a task keeps its loop for ever
    PassLost,      ///< the park storm's token is dropped
    DescriptorLeft,
    ThreadLeft,
    Crash,
};

/// Chooses the plant of this process.
void choose_plant(Plant plant) noexcept;

/// True once: for the first who asks about the plant that was chosen.
[[nodiscard]] bool planted(Plant plant) noexcept;

/// "item_lost"; throws std::invalid_argument for a name that there is not.
[[nodiscard]] Plant plant_of(std::string_view name);
[[nodiscard]] std::vector<std::string> plant_names();

}  // namespace weft::storm
