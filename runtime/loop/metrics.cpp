#include <cstddef>
#include <string>
#include <weft/errors.hpp>
#include <weft/metrics.hpp>

#include "loop/runtime_state.hpp"

namespace weft {
namespace {

LoopMetrics read(const rt::WorkerCounters& counters) {
    return {
        .tasks_spawned = counters.tasks_spawned.get(),
        .tasks_run = counters.tasks_run.get(),
        .tasks_finished = counters.tasks_finished.get(),
        .callbacks_run = counters.callbacks_run.get(),
        .suspensions = counters.tasks_run.get() - counters.tasks_finished.get(),
        .steals = counters.steals.get(),
        .steal_searches = counters.steal_searches.get(),
        .spins = counters.spins.get(),
        .spins_in_vain = counters.spins_in_vain.get(),
        .injected = counters.injected.get(),
        .mail_received = counters.mail_received.get(),
        .parks = counters.parks.get(),
        .wakes_sent = counters.wakes_sent.get(),
        .wakes_received = counters.wakes_received.get(),
        .polls = counters.polls.get(),
        .events = counters.events.get() + counters.rescued_events.get(),
        .timers_fired = counters.timers_fired.get() + counters.rescued_timers.get(),
        .turns = counters.turns.get(),
        .ring_overflows = counters.ring_overflows.get(),
        .stacks_refused = counters.stacks_refused.get(),
        .rescued = counters.rescued_timers.get() + counters.rescued_events.get() +
                   counters.rescued_tasks.get(),
    };
}

}  // namespace

Metrics Runtime::metrics() const {
    Metrics metrics;
    if (state_->scheduler == nullptr) {
        return metrics;  // given up
    }
    rt::Scheduler& scheduler = *state_->scheduler;
    const auto count = static_cast<std::size_t>(workers());
    metrics.loops.reserve(count);
    metrics.places.reserve(count);
    metrics.steals.reserve(count * count);
    for (int i = 0; i < workers(); ++i) {
        const rt::Worker& worker = scheduler.worker(i);
        metrics.loops.push_back(read(worker.counters));
        for (int victim = 0; victim < workers(); ++victim) {
            metrics.steals.push_back(worker.steals_from(victim));
        }
    }
    for (const rt::Place& place : scheduler.places()) {
        metrics.places.push_back({.cpu = place.cpu, .l3 = place.l3, .node = place.node});
    }
    return metrics;
}

std::uint64_t Metrics::steals_between(int thief, int victim) const {
    const auto row = static_cast<std::size_t>(thief);
    const auto column = static_cast<std::size_t>(victim);
    if (row >= loops.size() || column >= loops.size()) {
        throw ValueError(
            "steals_between(" + std::to_string(thief) + ", " + std::to_string(victim) +
            "): there are " + std::to_string(loops.size()) + " loops, numbered from 0"
        );
    }
    return steals[row * loops.size() + column];
}

LoopMetrics Metrics::total() const noexcept {
    LoopMetrics sum;
    for (const LoopMetrics& loop : loops) {
        sum.tasks_spawned += loop.tasks_spawned;
        sum.tasks_run += loop.tasks_run;
        sum.tasks_finished += loop.tasks_finished;
        sum.callbacks_run += loop.callbacks_run;
        sum.suspensions += loop.suspensions;
        sum.steals += loop.steals;
        sum.steal_searches += loop.steal_searches;
        sum.spins += loop.spins;
        sum.spins_in_vain += loop.spins_in_vain;
        sum.injected += loop.injected;
        sum.mail_received += loop.mail_received;
        sum.parks += loop.parks;
        sum.wakes_sent += loop.wakes_sent;
        sum.wakes_received += loop.wakes_received;
        sum.polls += loop.polls;
        sum.events += loop.events;
        sum.timers_fired += loop.timers_fired;
        sum.turns += loop.turns;
        sum.ring_overflows += loop.ring_overflows;
        sum.stacks_refused += loop.stacks_refused;
        sum.rescued += loop.rescued;
    }
    return sum;
}

}  // namespace weft
