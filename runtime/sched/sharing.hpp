#pragma once

#include <cstdint>

namespace weft::rt {

/// How a loop makes known what others may take from it.
enum class Sharing : std::uint8_t {
    None,      ///< there are no others
    Barriers,  ///< by plain stores: who looks for the last time passes a heavy barrier first
    Rmws,      ///< by read-modify-writes of what the others' last look writes, too
};

}  // namespace weft::rt
