#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <weft/sleep.hpp>
#include <weft/testing/machine.hpp>

#include "base/clock.hpp"
#include "sched/idle.hpp"
#include "sched/priced_machine.hpp"
#include "sched/simulation.hpp"

namespace weft::detail {
namespace {

using std::chrono::nanoseconds;

// By then all loops have found nothing to do and sleep.
constexpr auto kUntilAllSleep = std::chrono::milliseconds(1);

// For 100,000 CPUs hwloc takes minutes.
constexpr std::uint64_t kMostThings = 16'384;

/// The product of the numbers of a description, "pack:2 core:8(indexes=...) pu:1": at least its CPUs.
std::uint64_t count_things(const std::string& description) {
    std::uint64_t product = 1;
    int depth = 0;
    bool begins = true;  // a number may stand here: alone, or behind its name
    for (std::size_t at = 0; at < description.size() && product <= kMostThings; ++at) {
        const char here = description[at];
        depth += here == '(' || here == '[' ? 1 : here == ')' || here == ']' ? -1 : 0;
        if (depth == 0 && begins && here >= '0' && here <= '9') {
            // As hwloc reads it: 0x10 is 16.
            const std::uint64_t count = std::strtoull(description.c_str() + at, nullptr, 0);
            product *= std::clamp<std::uint64_t>(count, 1, kMostThings + 1);
        }
        begins = here == ':' || here == ' ';
    }
    return product;
}

rt::Topology read_topology(const std::string& description) {
    if (count_things(description) > kMostThings) {
        throw ValueError(
            "the topology '" + description + "' has too many CPUs; up to " +
            std::to_string(kMostThings) + " were expected"
        );
    }
    std::optional<rt::Topology> topology = rt::Topology::try_synthetic(description);
    if (!topology) {
        throw ValueError(
            "the topology '" + description +
            "' is not one that hwloc accepts; a description was expected, such as 'pack:2 numa:1 "
            "l3:4 core:8 pu:1'"
        );
    }
    return *std::move(topology);
}

rt::PricedMachine make_machine(const testing::MachineOptions& options) {
    rt::Topology topology = read_topology(options.topology);
    const int workers = options.workers == 0 ? topology.cores() : options.workers;
    const int most = std::min(static_cast<int>(topology.cpus.size()), rt::Idle<>::kMostWorkers);
    if (workers < 0 || workers > most) {
        throw ValueError(
            "MachineOptions.workers is " + std::to_string(options.workers) +
            "; 0 to as many loops as '" + options.topology +
            "' has CPUs were expected: " + std::to_string(most)
        );
    }
    return {std::move(topology), workers, options.prices};
}

nanoseconds nanos_of(rt::Picos picos) {
    return nanoseconds(picos / rt::PricedMachine::kPicosPerNano);
}

/// All that has been counted for one loop so far.
testing::MachineLoop count_loop(
    const rt::PricedMachine& machine, const LoopMetrics& counted, int loop
) {
    using Machine = rt::PricedMachine;
    const Machine::Spent spent = machine.spent(static_cast<std::size_t>(loop));
    return {
        .work = nanos_of(spent[Machine::kWork]),
        .tasks = nanos_of(spent[Machine::kTasks]),
        .search = nanos_of(spent[Machine::kSearch]),
        .system = nanos_of(spent[Machine::kSystem]),
        .asleep = nanos_of(spent[Machine::kAsleep]),
        .tasks_finished = counted.tasks_finished,
        .stolen = counted.steals,
        .searches = counted.steal_searches,
        .failed_searches = counted.steal_searches - machine.takes(loop),
        .wakes_sent = counted.wakes_sent,
        .parks = counted.parks,
    };
}

/// Sums them up, or with `sign` -1 takes them away.
void add(testing::MachineLoop& to, const testing::MachineLoop& other, int sign) {
    const auto times = static_cast<std::uint64_t>(static_cast<std::int64_t>(sign));
    to.work += sign * other.work;
    to.tasks += sign * other.tasks;
    to.search += sign * other.search;
    to.system += sign * other.system;
    to.asleep += sign * other.asleep;
    to.tasks_finished += times * other.tasks_finished;
    to.stolen += times * other.stolen;
    to.searches += times * other.searches;
    to.failed_searches += times * other.failed_searches;
    to.wakes_sent += times * other.wakes_sent;
    to.parks += times * other.parks;
}

}  // namespace

struct MachineRun::State {
    explicit State(const testing::MachineOptions& its_options)
        : options(its_options),
          machine(make_machine(options)),
          simulation(
              options.seed,
              {.workers = machine.workers(),
               .most_steps = std::numeric_limits<std::uint64_t>::max()},
              &machine
          ) {}

    struct Count {
        rt::Nanos time = 0;
        std::vector<testing::MachineLoop> loops;
        Metrics metrics;
    };
    [[nodiscard]] Count count(const Runtime& runtime) const {
        Count result{machine.now(), {}, runtime.metrics()};
        for (int loop = 0; loop < machine.workers(); ++loop) {
            result.loops.push_back(
                count_loop(machine, result.metrics.loops[static_cast<std::size_t>(loop)], loop)
            );
        }
        return result;
    }

    const testing::MachineOptions options;
    rt::PricedMachine machine;
    SimulationRun simulation;
    Count before;
    Count after;
};

MachineRun::MachineRun(const testing::MachineOptions& options)
    : state_(std::make_unique<State>(options)) {}

MachineRun::~MachineRun() = default;

RuntimeOptions MachineRun::runtime_options() const {
    RuntimeOptions result = state_->simulation.runtime_options();
    result.pin = state_->options.pin;
    return result;
}

SimulationRun& MachineRun::simulation() noexcept {
    return state_->simulation;
}

void MachineRun::begin_measuring(const Runtime& runtime) {
    sleep(kUntilAllSleep);
    state_->before = state_->count(runtime);
}

void MachineRun::finish_measuring(const Runtime& runtime) {
    rt::Simulation::of_thread()->settle();
    state_->after = state_->count(runtime);
}

testing::MachineReport MachineRun::finish() {
    const testing::SimulationReport run = state_->simulation.finish();
    const State::Count& before = state_->before;
    State::Count& after = state_->after;
    for (std::size_t i = 0; i < after.loops.size(); ++i) {
        add(after.loops[i], before.loops[i], -1);
    }
    for (std::size_t i = 0; i < after.metrics.steals.size(); ++i) {
        after.metrics.steals[i] -= before.metrics.steals[i];
    }
    return {
        .seed = run.seed,
        .hash = run.hash,
        .steps = run.steps,
        .time = nanoseconds(after.time - before.time),
        .loops = std::move(after.loops),
        .places = std::move(after.metrics.places),
        .steals = std::move(after.metrics.steals),
    };
}

}  // namespace weft::detail

namespace weft::testing {

MachineLoop MachineReport::total() const noexcept {
    MachineLoop sum;
    for (const MachineLoop& loop : loops) {
        detail::add(sum, loop, 1);
    }
    return sum;
}

MachineSize machine_size(const std::string& topology) {
    const rt::Topology read = detail::read_topology(topology);
    std::set<int> caches;
    std::set<int> nodes;
    for (const rt::Cpu& cpu : read.cpus) {
        caches.insert(cpu.l3);
        nodes.insert(cpu.node);
    }
    return {
        .cpus = static_cast<int>(read.cpus.size()),
        .cores = read.cores(),
        .caches = static_cast<int>(caches.size()),
        .nodes = static_cast<int>(nodes.size()),
    };
}

void machine_work(std::chrono::nanoseconds length) noexcept {
    rt::Simulation* const simulation = rt::Simulation::of_thread();
    if (simulation != nullptr && simulation->machine() != nullptr) {
        simulation->machine()->work(length.count());
        simulation->point();
        return;
    }
    constexpr std::uint64_t kNanosPerMicrosecond = 1'000;
    const std::uint64_t start = rt::ticks();
    const std::uint64_t wanted = static_cast<std::uint64_t>(length.count()) *
                                 rt::ticks_per_microsecond() / kNanosPerMicrosecond;
    while (rt::ticks() - start < wanted) {
    }
}

}  // namespace weft::testing
