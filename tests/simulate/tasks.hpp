#pragma once

#include "world.hpp"

namespace weft::simulate {

void future_races(World& world);
void fork_and_join(World& world);
void groups_and_timeouts(World& world);
void gathers(World& world);
void sleepers(World& world);
void stop_with_parked(World& world);
void rescues(World& world);
void threads_outside(World& world);

}  // namespace weft::simulate
