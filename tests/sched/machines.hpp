#pragma once

#include <array>

namespace weft::rt::testing {

/// Made-up machines of 1 to 256 CPUs: SMT, several caches, several nodes, siblings numbered apart.
inline constexpr std::array kMachines{
    "pack:1 core:1 pu:1",
    "pack:1 core:2 pu:1",
    "pack:1 core:1 pu:2",
    "pack:1 l3:1 core:4 pu:2(indexes=0,4,1,5,2,6,3,7)",
    "pack:1 l3:2 core:4 pu:2",
    "pack:2 core:3 pu:1",
    "pack:1 l3:1 numa:2 core:4 pu:1",
    "pack:2 numa:1 l3:2 core:4 pu:2",
    "pack:2 numa:4 l3:2 core:8 pu:2",
};

}  // namespace weft::rt::testing
