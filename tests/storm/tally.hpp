#pragma once

#include <cstdint>
#include <weft/metrics.hpp>
#include <weft/runtime.hpp>

#include "storm/board.hpp"

namespace weft::storm {

/// Adds what the loops of a runtime that has ended counted. Returns how many tasks ended there.
inline std::uint64_t tally(Board& board, const Runtime& runtime) {
    const LoopMetrics counted = runtime.metrics().total();
    board.totals.runtimes.fetch_add(1);
    board.totals.switches.fetch_add(counted.suspensions);
    board.totals.parks.fetch_add(counted.parks);
    board.totals.wakes.fetch_add(counted.wakes_received);
    board.totals.steals.fetch_add(counted.steals);
    return counted.tasks_finished;
}

}  // namespace weft::storm
