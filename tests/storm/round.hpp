#pragma once

#include <cstdint>

#include "storm/board.hpp"

namespace weft::storm {

/// Lets runtimes live and end as `seed` says, and draws up the ledger of each.
void storm_round(Board& board, std::uint64_t seed);

/// Lets rings of loops pass tokens, each to a loop that sleeps; nothing else would wake it.
void park_round(Board& board, std::uint64_t seed);

}  // namespace weft::storm
