#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <system_error>
#include <vector>
#include <weft/testing/simulate.hpp>

#include "points.hpp"
#include "world.hpp"

// simulate --seed S --count N: runs of a many-loop runtime on one thread, each decided by its seed.

namespace weft::simulate {
namespace {

struct Options {
    std::uint64_t seed = 0;
    std::uint64_t count = 1'000;
    std::string scenario;  // empty: by the seed
    bool twice = false;
    bool quiet = false;
    bool coarse = false;
    bool here = false;
};

// For the line that a crash leaves.
std::array<char, 200> replay{};

void on_crash(int signal) {
    static_cast<void>(!::write(STDERR_FILENO, replay.data(), std::strlen(replay.data())));
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

const Scenario& scenario_of(std::uint64_t seed, const std::string& name) {
    std::vector<const Scenario*> ordinary;
    for (const Scenario& scenario : scenarios()) {
        if (!name.empty() && name == scenario.name) {
            return scenario;
        }
        if (!scenario.is_planted) {
            ordinary.push_back(&scenario);
        }
    }
    return *ordinary[seed % ordinary.size()];
}

testing::SimulationReport run(const Scenario& scenario, std::uint64_t seed) {
    const testing::SimulationOptions options{.most_steps = 3'000'000, .abort_when_lost = true};
    World world(seed);
    const auto report = [&] {
        if (scenario.in_task != nullptr) {
            return testing::simulate(seed, options, [&] { scenario.in_task(world); });
        }
        detail::SimulationRun simulation(seed, options);
        scenario.outside(world);
        return simulation.finish();
    }();
    world.judge();
    return report;
}

/// What is made once in a process may not be interrupted: see set_points().
void warm_up() {
    set_points(false);
    for (const Scenario& scenario : scenarios()) {
        if (!scenario.is_planted) {
            static_cast<void>(run(scenario, 1));
        }
    }
}

void describe(std::uint64_t seed, const Scenario& scenario, const Options& options) {
    std::snprintf(
        replay.data(),
        replay.size(),
        "FAILED: seed %llu of %s\nagain with: tools/dev simulate --seed %llu --count 1%s%s%s\n",
        static_cast<unsigned long long>(seed),
        scenario.name,
        static_cast<unsigned long long>(seed),
        options.scenario.empty() ? "" : " --scenario ",
        options.scenario.c_str(),
        options.coarse ? " --coarse" : ""
    );
}

/// Runs the seeds one after the other and hands each report on; false when one failed, which it has said.
bool run_each(
    const Options& options,
    std::uint64_t first,
    std::uint64_t end,
    const std::function<void(const testing::SimulationReport&)>& hand_on
) {
    for (std::uint64_t seed = first; seed < end; ++seed) {
        const Scenario& scenario = scenario_of(seed, options.scenario);
        describe(seed, scenario, options);
        try {
            hand_on(run(scenario, seed));
        } catch (const std::exception& error) {
            std::fprintf(stderr, "%s\n%s", error.what(), replay.data());
            return false;
        } catch (const CancelledError&) {
            std::fprintf(stderr, "a cancellation came out of the main task\n%s", replay.data());
            return false;
        }
    }
    return true;
}

/// A batch in a process of its own, which a crash ends alone. What a run finds of those before it, such
/// as a pool's free lists, is the same each time: batches begin at multiples of their size.
std::vector<testing::SimulationReport> run_in_child(
    const Options& options, std::uint64_t first, std::uint64_t end
) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) {
        throw std::system_error(errno, std::generic_category(), "pipe");
    }
    const pid_t child = ::fork();
    if (child < 0) {
        throw std::system_error(errno, std::generic_category(), "fork");
    }
    if (child == 0) {
        ::close(ends[0]);
        const bool all =
            run_each(options, first, end, [&](const testing::SimulationReport& report) {
                if (::write(ends[1], &report, sizeof report) != sizeof report) {
                    ::_exit(1);
                }
            });
        ::_exit(all ? 0 : 1);
    }
    ::close(ends[1]);
    std::vector<testing::SimulationReport> reports;
    testing::SimulationReport report{};
    while (::read(ends[0], &report, sizeof report) == sizeof report) {
        reports.push_back(report);
    }
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    return reports;
}

/// Of each batch those seeds that were asked for; the ones before them in it run, too.
class Summary {
public:
    explicit Summary(const Options& options) : options_(options) {}

    void add(const testing::SimulationReport& report) {
        if (report.seed < options_.seed) {
            return;
        }
        hash_ = (hash_ ^ report.hash) * 0x100000001B3ULL;
        steps_ += report.steps;
        if (!options_.quiet) {
            std::printf(
                "seed %llu  hash %016llx  %d loops  %llu steps  %s\n",
                static_cast<unsigned long long>(report.seed),
                static_cast<unsigned long long>(report.hash),
                report.workers,
                static_cast<unsigned long long>(report.steps),
                scenario_of(report.seed, options_.scenario).name
            );
        }
    }
    void print() const {
        std::printf(
            "%llu seeds from %llu: all right, %llu steps, hash %016llx%s\n",
            static_cast<unsigned long long>(options_.count),
            static_cast<unsigned long long>(options_.seed),
            static_cast<unsigned long long>(steps_),
            static_cast<unsigned long long>(hash_),
            options_.twice ? ", each twice with one hash" : ""
        );
    }

private:
    const Options& options_;
    std::uint64_t hash_ = 0;
    std::uint64_t steps_ = 0;
};

int simulate(const Options& options) {
    constexpr std::uint64_t kBatch = 50;
    warm_up();
    set_points(!options.coarse);
    Summary summary(options);
    const std::uint64_t last = options.seed + options.count;
    if (options.here) {
        if (!run_each(options, options.seed, last, [&](const auto& report) {
                summary.add(report);
            })) {
            return 1;
        }
        summary.print();
        return 0;
    }
    for (std::uint64_t first = options.seed / kBatch * kBatch; first < last; first += kBatch) {
        const std::uint64_t end = std::min(first + kBatch, last);
        const auto reports = run_in_child(options, first, end);
        for (const testing::SimulationReport& report : reports) {
            summary.add(report);
        }
        if (reports.size() != end - first) {
            return 1;
        }
        if (!options.twice) {
            continue;
        }
        const auto again = run_in_child(options, first, end);
        for (std::size_t i = 0; i < reports.size(); ++i) {
            if (i >= again.size() || again[i].hash != reports[i].hash) {
                const std::uint64_t seed = first + i;
                describe(seed, scenario_of(seed, options.scenario), options);
                std::fprintf(stderr, "it went another way the second time\n%s", replay.data());
                return 1;
            }
        }
    }
    summary.print();
    return 0;
}

}  // namespace
}  // namespace weft::simulate

int main(int argc, char** argv) {
    weft::simulate::Options options;
    CLI::App app("Runs of a many-loop runtime on one thread, each decided by its seed.");
    // CLI11 takes -1 for a very large number.
    const CLI::Validator natural(
        [](std::string& text) {
            return text.front() == '-' ? "a number from 0 on was expected, not " + text : "";
        },
        ""
    );
    app.add_option("--seed", options.seed, "The first seed")->check(natural)->capture_default_str();
    app.add_option("--count", options.count, "How many seeds")
        ->check(natural)
        ->capture_default_str();
    std::vector<std::string> names;
    for (const weft::simulate::Scenario& scenario : weft::simulate::scenarios()) {
        names.emplace_back(scenario.name);
    }
    app.add_option("--scenario", options.scenario, "Only this one")->check(CLI::IsMember(names));
    app.add_flag("--twice", options.twice, "Run each seed twice and compare the hashes");
    app.add_flag("--quiet", options.quiet, "Only the last line");
    app.add_flag(
        "--here",
        options.here,
        "In this process, for a debugger: runs may touch, and hashes are others"
    );
    app.add_flag("--coarse", options.coarse, "Switch between loops where users' simulations do");
    CLI11_PARSE(app, argc, argv);
    for (const int signal : {SIGABRT, SIGSEGV, SIGILL, SIGBUS}) {
        std::signal(signal, weft::simulate::on_crash);
    }
    return weft::simulate::simulate(options);
}
