#pragma once

#include "world.hpp"

namespace weft::simulate {

// Each breaks a promise in a few interleavings only; the simulation has to find one of them.

void planted_lost_item(World& world);
void planted_two_holders(World& world);
void planted_lost_wake_up(World& world);
void planted_livelock(World& world);

}  // namespace weft::simulate
