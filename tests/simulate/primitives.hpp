#pragma once

#include "world.hpp"

namespace weft::simulate {

void queue_traffic(World& world);
void lock_holders(World& world);
void semaphore_permits(World& world);
void event_waiters(World& world);
void condition_hand_over(World& world);
void barrier_rounds(World& world);

}  // namespace weft::simulate
