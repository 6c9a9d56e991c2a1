#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "storm/plant.hpp"

namespace weft::storm {

/// What a run is to be. It ends when everything that was asked for is reached.
struct Options {
    double minutes = 0;
    std::uint64_t rounds = 0;
    std::uint64_t switches = 0;
    std::uint64_t park_cycles = 0;  ///< more than 0: the park storm
    std::uint64_t seed = 0;         ///< of the first round; the next has the next
    bool freeze = true;
    std::uint64_t least_freezes = 0;
    std::chrono::milliseconds hang_after{0};
    bool refuse_ptrace = false;
    bool check_freezes = false;
    Plant plant = Plant::None;
    std::string program;
    std::string plant_name = {};

    /// The command that repeats one round.
    [[nodiscard]] std::string repeat(std::uint64_t round_seed) const;
};

/// Throws std::invalid_argument for what it does not understand, and prints the usage and exits for
/// --help.
[[nodiscard]] Options options_of(int argc, char** argv);

}  // namespace weft::storm
