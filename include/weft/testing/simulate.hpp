#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <weft/errors.hpp>
#include <weft/runtime.hpp>

namespace weft::testing {

/// What can be chosen about a simulation.
struct SimulationOptions {
    /// How many loops; 0: 1 to 8, as the seed says.
    int workers = 0;
    /// A run that takes more steps than this gets nowhere.
    std::uint64_t most_steps = 20'000'000;
    /// Whether to end the process where nothing goes on, for a debugger to look at, instead of cancelling
    /// the main task.
    bool abort_when_lost = false;
};

/// What came of a simulation. Two runs of one seed, of one program, have equal reports.
struct SimulationReport {
    std::uint64_t seed;
    std::uint64_t hash;             ///< of every choice that was made, and of simulation_note()
    std::uint64_t steps;            ///< where another loop might have gone on
    int workers;                    ///< loops
    std::chrono::nanoseconds time;  ///< that passed in the simulation
};

/// A simulation got nowhere: all of its tasks wait and no deadline is armed, or it went on for more steps than
/// it should. The text has the seed, and the tasks with what each waits for; it is logged, too, before the main
/// task is cancelled. So tasks that use what that has on its stack are to be in a scope of it (task_group);
/// else there is SimulationOptions::abort_when_lost.
class SimulationError : public RuntimeError {
public:
    using RuntimeError::RuntimeError;
};

}  // namespace weft::testing

namespace weft::rt {
class PricedMachine;
}

namespace weft::detail {

/// A simulation while it runs; the runtimes that are made on this thread belong to it.
class SimulationRun {
public:
    /// `machine`: see testing/machine.hpp; null: all is chance.
    SimulationRun(
        std::uint64_t seed,
        const testing::SimulationOptions& options,
        rt::PricedMachine* machine = nullptr
    );
    SimulationRun(const SimulationRun&) = delete;
    SimulationRun& operator=(const SimulationRun&) = delete;
    ~SimulationRun();

    [[nodiscard]] RuntimeOptions runtime_options() const;
    /// While it lives, the task that made it is what is cancelled when nothing goes on.
    class Main {
    public:
        explicit Main(SimulationRun& run) : run_(run) { run_.enter_main(); }
        Main(const Main&) = delete;
        Main& operator=(const Main&) = delete;
        ~Main() { run_.leave_main(); }

    private:
        SimulationRun& run_;
    };
    /// When the runtimes have ended. Throws SimulationError if it got nowhere.
    [[nodiscard]] testing::SimulationReport finish();
    [[nodiscard]] bool is_lost() const noexcept;

private:
    void enter_main();
    void leave_main() noexcept;

    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace weft::detail

namespace weft::testing {

/// Runs `main` as weft::run() does, with all loops on the calling thread, and decides by `seed` what is
/// chance otherwise: which loop goes on at each point, who steals what, how much time passes. The same
/// seed gives the same run, so a test that fails once in a million runs can be run again.
///
/// Time is virtual: it passes a little from step to step, and jumps to the next deadline when nobody has
/// anything to do. Only what the loops do is simulated: threads, executors and sockets are refused, and
/// what reads a real clock, an address or a random device breaks the promise.
///
///     for (std::uint64_t seed = 0; seed < 1000; ++seed) {
///         weft::testing::simulate(seed, [] { my_test(); });
///     }
///
/// Errors    what `main` throws; SimulationError when nothing goes on any more; ValueError for fewer than 0
///           loops; std::bad_alloc.
/// Threads   one that runs no loop; several may simulate at once.
/// Returns   the report.
/// asyncio   none
template <class F>
SimulationReport simulate(std::uint64_t seed, const SimulationOptions& options, F&& main) {
    detail::SimulationRun simulation(seed, options);
    try {
        Runtime runtime(simulation.runtime_options());
        runtime.run([&] {
            const detail::SimulationRun::Main entered(simulation);
            static_cast<void>(std::forward<F>(main)());
        });
    } catch (...) {
        if (!simulation.is_lost()) {
            throw;
        }
    }
    return simulation.finish();
}
template <class F>
SimulationReport simulate(std::uint64_t seed, F&& main) {
    return simulate(seed, SimulationOptions{}, std::forward<F>(main));
}

/// Makes `value` a part of the running simulation's hash: what a test has observed. Nothing elsewhere.
///
/// Threads   any.
/// asyncio   none
void simulation_note(std::uint64_t value) noexcept;

}  // namespace weft::testing
