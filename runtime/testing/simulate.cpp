#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <weft/task.hpp>
#include <weft/testing/simulate.hpp>

#include "base/log.hpp"
#include "loop/dump.hpp"
#include "loop/wait_graph.hpp"
#include "sched/simulation.hpp"
#include "task/holders.hpp"

namespace weft::detail {

struct SimulationRun::State {
    State(
        std::uint64_t its_seed,
        const testing::SimulationOptions& its_options,
        rt::PricedMachine* machine
    )
        : seed(its_seed),
          options(its_options),
          simulation({
              .seed = its_seed,
              .most_steps = its_options.most_steps,
              .machine = machine,
              .on_lost = [this](const char* why) { note_lost(why); },
          }),
          start(simulation.now()) {}

    void note_lost(const char* why);
    [[nodiscard]] std::string text_of(const char* why) const;

    std::uint64_t seed;
    testing::SimulationOptions options;
    std::optional<std::string> lost;
    std::optional<AnyTask> main;
    rt::Simulation simulation;
    rt::Nanos start;
};

std::string SimulationRun::State::text_of(const char* why) const {
    return "simulation of seed " + std::to_string(seed) + ": " + why + "\n" +
           rt::WaitGraph(nullptr).describe_cycles() + rt::dump_tasks(nullptr);
}

/// The first time there is a way out, by cancelling; after that there is none.
void SimulationRun::State::note_lost(const char* why) {
    const std::string text = text_of(why);
    if (lost || !main || options.abort_when_lost) {
        std::fprintf(stderr, "%s\n", text.c_str());
        std::abort();
    }
    lost = text;
    rt::log_error(text
    );  // now: what main has on its stack may be in use when it has been cancelled
    main->cancel("the simulation gets nowhere");
}

SimulationRun::SimulationRun(
    std::uint64_t seed, const testing::SimulationOptions& options, rt::PricedMachine* machine
) {
    if (options.workers < 0) {
        throw ValueError(
            "SimulationOptions.workers is " + std::to_string(options.workers) +
            "; a number of loops was expected, or 0 to leave it to the seed"
        );
    }
    rt::watch_holders();
    state_ = std::make_unique<State>(seed, options, machine);
}

SimulationRun::~SimulationRun() = default;

RuntimeOptions SimulationRun::runtime_options() const {
    RuntimeOptions result;
    result.workers =
        state_->options.workers > 0 ? state_->options.workers : state_->simulation.temper().workers;
    result.pin = Pin::None;
    result.handle_sigint = false;
    result.shutdown_timeout = std::chrono::hours(24);  // up to a millisecond passes at each step
    return result;
}

void SimulationRun::enter_main() {
    state_->main = current_task();
}

void SimulationRun::leave_main() noexcept {
    state_->main.reset();
}

bool SimulationRun::is_lost() const noexcept {
    return state_->lost.has_value();
}

testing::SimulationReport SimulationRun::finish() {
    if (state_->lost) {
        throw testing::SimulationError(*state_->lost);
    }
    rt::Simulation& simulation = state_->simulation;
    simulation.note(simulation.steps());
    return {
        .seed = state_->seed,
        .hash = simulation.hash(),
        .steps = simulation.steps(),
        .workers = runtime_options().workers,
        .time = std::chrono::nanoseconds(simulation.now() - state_->start),
    };
}

}  // namespace weft::detail

void weft::testing::simulation_note(std::uint64_t value) noexcept {
    if (rt::Simulation* const simulation = rt::Simulation::of_thread(); simulation != nullptr) {
        simulation->note(value);
    }
}
