#include "simulate_points.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>
#include <utility>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>

#include "bench_one.hpp"
#include "bench_results.hpp"
#include "bench_rounds.hpp"
#include "statistics.hpp"

namespace weft::tool {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t kEachUpTo = 16;  // workers that have a row of their own

void run_as_task(const SimulatedRun& run) {
    await(spawn([&run] { run.workload->run(run.size, run.grain); }));
}

testing::MachineReport simulate_once(
    const SimulatedRun& run, const std::string& topology, int workers
) {
    testing::MachineOptions options = run.machine;
    options.topology = topology;
    options.workers = workers;
    options.pin = pin_of_name(run.pin);
    return testing::simulate_machine(options, [&run] { run_as_task(run); });
}

double idle_of(const testing::MachineReport& report) {
    const testing::MachineLoop all = report.total();
    const nanoseconds idle = all.asleep + all.search;
    const nanoseconds time = idle + all.work + all.tasks + all.system;
    return time.count() > 0 ? static_cast<double>(idle.count()) / static_cast<double>(time.count())
                            : 0;
}

/// The number of what it belongs to, as rows are, for each worker; and their names.
std::vector<std::size_t> rows_of(
    const testing::MachineReport& report, std::vector<std::string>& names
) {
    std::vector<std::size_t> rows(report.places.size());
    if (rows.size() <= kEachUpTo) {
        for (std::size_t i = 0; i < rows.size(); ++i) {
            rows[i] = i;
            names.push_back(fmt::format("w{}", i));
        }
        return rows;
    }
    std::map<std::pair<int, int>, std::size_t> numbers;
    for (const LoopPlace& place : report.places) {
        numbers.try_emplace({place.node, place.l3});
    }
    for (auto& [place, number] : numbers) {
        number = names.size();
        names.push_back(fmt::format("n{}/l{}", place.first, place.second));
    }
    std::ranges::transform(report.places, rows.begin(), [&](const LoopPlace& place) {
        return numbers.at({place.node, place.l3});
    });
    return rows;
}

/// How long each of some runs took, in ns.
std::vector<double> run_for_real(const SimulatedRun& run, int workers) {
    constexpr int kMostRuns = 100;
    constexpr auto kBudget = std::chrono::milliseconds(700);
    RuntimeOptions options;
    options.workers = workers;
    return Runtime(options).run([&] {
        using Clock = std::chrono::steady_clock;
        run_as_task(run);  // the memory is there
        std::vector<double> times;
        const Clock::time_point first = Clock::now();
        for (int i = 0; i < kMostRuns && Clock::now() - first < kBudget; ++i) {
            sleep(std::chrono::milliseconds(2));  // as a simulated one, it begins when all sleep
            const Clock::time_point start = Clock::now();
            run_as_task(run);
            times.push_back(static_cast<double>(nanoseconds(Clock::now() - start).count()));
        }
        return times;
    });
}

}  // namespace

std::vector<SimulatedPoint> simulate_points(const SimulatedRun& run, const WorkerList& workers) {
    std::vector<SimulatedPoint> points;
    for (const int count : workers) {
        SimulatedPoint point;
        point.workers = count;
        point.report = simulate_once(run, run.machine.topology, count);
        point.idle = idle_of(point.report);
        points.push_back(std::move(point));
        const SimulatedPoint& first = points.front();
        points.back().speed_up = static_cast<double>(first.report.time.count()) /
                                 static_cast<double>(points.back().report.time.count());
        points.back().efficiency = points.back().speed_up * first.workers / count;
    }
    return points;
}

StealBlocks steal_blocks(const testing::MachineReport& report) {
    StealBlocks blocks;
    const std::vector<std::size_t> rows = rows_of(report, blocks.names);
    blocks.counts.resize(blocks.names.size() * blocks.names.size());
    for (std::size_t thief = 0; thief < rows.size(); ++thief) {
        for (std::size_t victim = 0; victim < rows.size(); ++victim) {
            const std::uint64_t count = report.steals[thief * rows.size() + victim];
            blocks.counts[rows[thief] * blocks.names.size() + rows[victim]] += count;
            const LoopPlace& here = report.places[thief];
            const LoopPlace& there = report.places[victim];
            (here.l3 == there.l3       ? blocks.in_cache
             : here.node == there.node ? blocks.in_node
                                       : blocks.remote) += count;
        }
    }
    return blocks;
}

std::vector<CheckedPoint> check_points(const SimulatedRun& run, const std::string& topology) {
    const int most = std::min({2, usable_cpus(false).count, testing::machine_size(topology).cpus});
    std::vector<CheckedPoint> points;
    for (int workers = 1; workers <= most; ++workers) {
        const testing::MachineReport report = simulate_once(run, topology, workers);
        const Summary measured = summarize(run_for_real(run, workers));
        points.push_back(
            {workers, static_cast<double>(report.time.count()), measured.least, measured.median}
        );
    }
    return points;
}

// ---- as text

std::string points_text(const std::vector<SimulatedPoint>& points) {
    std::string text = fmt::format(
        "  {:>7}  {:>10}  {:>8}  {:>10}  {:>9}  {:>9}  {:>7}  {:>7}  {:>6}\n",
        "workers",
        "time [ms]",
        "speed-up",
        "efficiency",
        "steals",
        "in vain",
        "wakes",
        "parks",
        "idle"
    );
    constexpr double kMilli = 1e6;
    for (const SimulatedPoint& point : points) {
        const testing::MachineLoop all = point.report.total();
        text += fmt::format(
            "  {:>7}  {:>10.3f}  {:>8.2f}  {:>8.1f} %  {:>9}  {:>9}  {:>7}  {:>7}  {:>4.0f} %\n",
            point.workers,
            static_cast<double>(point.report.time.count()) / kMilli,
            point.speed_up,
            100 * point.efficiency,
            all.stolen,
            all.failed_searches,
            all.wakes_sent,
            all.parks,
            100 * point.idle
        );
    }
    return text;
}

std::string blocks_text(const StealBlocks& blocks) {
    constexpr std::size_t kLeastWidth = 5;
    std::size_t width = kLeastWidth;
    for (const std::uint64_t count : blocks.counts) {
        width = std::max(width, fmt::formatted_size("{}", count));
    }
    std::size_t name_width = 0;
    for (const std::string& name : blocks.names) {
        name_width = std::max(name_width, name.size());
    }
    width = std::max(width, name_width);
    std::string text = fmt::format("  {:>{}}", "", name_width);
    for (const std::string& name : blocks.names) {
        text += fmt::format("  {:>{}}", name, width);
    }
    text += '\n';
    for (std::size_t thief = 0; thief < blocks.names.size(); ++thief) {
        text += fmt::format("  {:>{}}", blocks.names[thief], name_width);
        for (std::size_t victim = 0; victim < blocks.names.size(); ++victim) {
            text +=
                fmt::format("  {:>{}}", blocks.counts[thief * blocks.names.size() + victim], width);
        }
        text += '\n';
    }
    const std::uint64_t all = blocks.in_cache + blocks.in_node + blocks.remote;
    const auto percent = [all](std::uint64_t part) {
        return all == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(all);
    };
    return text + fmt::format(
                      "  {:.1f} % within a cache, {:.1f} % within a node, {:.1f} % from another "
                      "node\n",
                      percent(blocks.in_cache),
                      percent(blocks.in_node),
                      percent(blocks.remote)
                  );
}

std::string checked_text(const std::vector<CheckedPoint>& points) {
    constexpr double kMilli = 1e6;
    std::string text = fmt::format(
        "  {:>7}  {:>14}  {:>13}  {:>8}  {:>11}\n",
        "workers",
        "simulated [ms]",
        "measured [ms]",
        "distance",
        "median [ms]"
    );
    for (const CheckedPoint& point : points) {
        text += fmt::format(
            "  {:>7}  {:>14.3f}  {:>13.3f}  {:>+6.0f} %  {:>11.3f}\n",
            point.workers,
            point.simulated_ns / kMilli,
            point.measured_ns / kMilli,
            100 * point.distance(),
            point.median_ns / kMilli
        );
    }
    return text;
}

// ---- as JSON

Json points_to_json(const std::vector<SimulatedPoint>& points) {
    Json json = Json::array();
    for (const SimulatedPoint& point : points) {
        Json loops = Json::array();
        for (const testing::MachineLoop& loop : point.report.loops) {
            loops.push_back({
                {"work_ns", loop.work.count()},
                {"tasks_ns", loop.tasks.count()},
                {"search_ns", loop.search.count()},
                {"system_ns", loop.system.count()},
                {"asleep_ns", loop.asleep.count()},
                {"tasks", loop.tasks_finished},
                {"stolen", loop.stolen},
            });
        }
        const testing::MachineLoop all = point.report.total();
        json.push_back({
            {"workers", point.workers},
            {"time_ns", point.report.time.count()},
            {"speed_up", point.speed_up},
            {"efficiency", point.efficiency},
            {"idle", point.idle},
            {"tasks", all.tasks_finished},
            {"steals", all.stolen},
            {"searches", all.searches},
            {"failed_searches", all.failed_searches},
            {"wakes", all.wakes_sent},
            {"parks", all.parks},
            {"hash", fmt::format("{:016x}", point.report.hash)},
            {"loops", std::move(loops)},
        });
    }
    return json;
}

Json blocks_to_json(const StealBlocks& blocks) {
    return {
        {"names", blocks.names},
        {"thief_by_victim", blocks.counts},
        {"within_cache", blocks.in_cache},
        {"within_node", blocks.in_node},
        {"from_another_node", blocks.remote},
    };
}

Json checked_to_json(const std::vector<CheckedPoint>& points) {
    Json json = Json::array();
    for (const CheckedPoint& point : points) {
        json.push_back({
            {"workers", point.workers},
            {"simulated_ns", point.simulated_ns},
            {"measured_ns", point.measured_ns},
            {"median_ns", point.median_ns},
            {"distance", point.distance()},
        });
    }
    return json;
}

// ---- as figures

Sweep sweep_of(const SimulatedRun& run, const std::vector<SimulatedPoint>& points) {
    constexpr double kMilli = 1e6;
    Sweep sweep;
    sweep.name = run.workload->name;
    sweep.what = run.workload->what;
    sweep.metric = "time";
    sweep.unit = "ms";
    sweep.cpus = points.back().workers;
    std::vector<Capacity> capacities;
    for (const SimulatedPoint& point : points) {
        SweepPoint one;
        one.workers = point.workers;
        one.measured = summarize({static_cast<double>(point.report.time.count()) / kMilli});
        one.speed_up = {point.speed_up, point.speed_up, point.speed_up};
        one.efficiency = {point.efficiency, point.efficiency, point.efficiency};
        one.steals = point.report.total().stolen;
        sweep.points.push_back(one);
        capacities.push_back({static_cast<double>(point.workers), point.speed_up});
    }
    if (points.front().workers == 1) {
        sweep.usl = fit_usl(capacities);
    }
    sweep.why_no_usl = "a fit needs three numbers of workers, and one worker among them";
    const testing::MachineReport& widest = points.back().report;
    if (widest.loops.size() > 1) {
        sweep.steals = group_steals(widest.places, widest.steals);
    }
    return sweep;
}

}  // namespace weft::tool
