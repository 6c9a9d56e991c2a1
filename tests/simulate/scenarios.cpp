#include "planted.hpp"
#include "primitives.hpp"
#include "tasks.hpp"

namespace weft::simulate {

const std::vector<Scenario>& scenarios() {
    static const std::vector<Scenario> all{
        {"queue_traffic", queue_traffic, nullptr},
        {"lock_holders", lock_holders, nullptr},
        {"semaphore_permits", semaphore_permits, nullptr},
        {"event_waiters", event_waiters, nullptr},
        {"condition_hand_over", condition_hand_over, nullptr},
        {"barrier_rounds", barrier_rounds, nullptr},
        {"future_races", future_races, nullptr},
        {"fork_and_join", fork_and_join, nullptr},
        {"groups_and_timeouts", groups_and_timeouts, nullptr},
        {"gathers", gathers, nullptr},
        {"sleepers", sleepers, nullptr},
        {"stop_with_parked", nullptr, stop_with_parked},
        {"threads_outside", nullptr, threads_outside},
        {"rescues", nullptr, rescues},
        {"planted_lost_item", planted_lost_item, nullptr, true},
        {"planted_two_holders", planted_two_holders, nullptr, true},
        {"planted_lost_wake_up", planted_lost_wake_up, nullptr, true},
        {"planted_livelock", planted_livelock, nullptr, true},
    };
    return all;
}

}  // namespace weft::simulate
