#pragma once

namespace weft::detail {

/// What operations cost on a machine that is simulated: nanoseconds. testing::MachinePrices.
///
/// The values here are assumed: round figures for a server without a hypervisor, measured nowhere.
/// testing::measure_prices() measures the machine that it runs on.
struct MachinePrices {
    // with one loop, and with several, which publish what others may steal
    double spawn = 9;          ///< a stealable task is made
    double spawn_shared = 12;  ///< the same, with several loops
    double run = 10;           ///< it is begun where it was made, ends, and is awaited
    double run_shared = 16;    ///< the same, with several loops
    double change = 30;        ///< a task waits, another goes on, and the first is made ready again
    double change_shared = 45;  ///< the same, with several loops

    // a cache line that another core has written
    double line_sibling = 15;  ///< the other hardware thread of the core
    double line_l3 = 50;       ///< another core behind the same last-level cache
    double line_node = 100;    ///< another cache of the same NUMA node
    double line_remote = 175;  ///< a node at distance 20; at distance D it is D/20 of it
    double line_own = 1.5;     ///< a look at one that nobody has written since the last look

    double steal = 25;            ///< a thief takes something, besides the lines that it needs
    double wake = 1'500;          ///< to wake a sleeping loop, for the one who does
    double wake_latency = 6'000;  ///< from the beginning of that until the loop goes on
    double poll = 350;            ///< a visit to the reactor
    double mail = 60;             ///< what another loop left here is taken
};

}  // namespace weft::detail
