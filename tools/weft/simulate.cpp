#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <weft/errors.hpp>

#include "bench.hpp"
#include "bench_results.hpp"
#include "files.hpp"
#include "fingerprint.hpp"
#include "output.hpp"
#include "report_html.hpp"
#include "simulate_points.hpp"
#include "simulate_prices.hpp"
#include "sweep_plots.hpp"

// weft simulate: what the scheduler would do on a machine that is not here.

namespace weft::tool {
namespace {

namespace fs = std::filesystem;

struct SimulateOptions {
    std::string topology;
    std::string workload;
    std::int64_t size = 0;
    std::int64_t grain_ns = -1;
    std::string workers;
    std::string pin = "core";
    std::uint64_t seed = 1;
    std::string prices;
    std::string json;
    std::string report;
    bool lists = false;
    bool prints_prices = false;
    bool is_unchecked = false;
};

/// All that came of it.
struct Simulated {
    SimulatedRun run;
    testing::MeasuredPrices prices;
    testing::MachineSize size;
    std::vector<SimulatedPoint> points;
    StealBlocks steals;
    std::vector<CheckedPoint> checked;
};

std::string list_text() {
    std::string text;
    for (const SimulatedWorkload& workload : simulated_workloads()) {
        text += fmt::format(
            "{:<12} {}\n{:<12} --size {} [{}], --grain {}\n",
            workload.name,
            workload.what,
            "",
            workload.size,
            workload.size_is,
            workload.grain.count()
        );
    }
    return text;
}

testing::MeasuredPrices find_prices(const SimulateOptions& options) {
    if (options.prices.empty()) {
        return testing::measure_prices();
    }
    if (options.prices == "assumed") {
        return {};
    }
    try {
        return load_prices(options.prices);
    } catch (const std::runtime_error& error) {
        throw Misuse(fmt::format("--prices: {}", error.what()));
    }
}

SimulatedRun make_run(const SimulateOptions& options) {
    if (options.topology.empty() || options.workload.empty()) {
        throw Misuse(
            "--topology and --workload are needed, as in: weft simulate --topology 'pack:2 numa:1 "
            "l3:4 core:8 pu:1' --workload fib; --list tells the workloads"
        );
    }
    SimulatedRun run;
    run.workload = find_simulated_workload(options.workload);
    if (run.workload == nullptr) {
        std::string names;
        for (const SimulatedWorkload& workload : simulated_workloads()) {
            names += fmt::format("{}{}", names.empty() ? "" : ", ", workload.name);
        }
        throw Misuse(fmt::format(
            "--workload: there is no workload '{}'; one of these was expected: {}",
            options.workload,
            names
        ));
    }
    run.size = options.size > 0 ? options.size : run.workload->size;
    if (run.size > run.workload->size_most) {
        throw Misuse(fmt::format(
            "--size {}: a number of {} from 1 to {} was expected",
            run.size,
            run.workload->size_is,
            run.workload->size_most
        ));
    }
    run.grain =
        options.grain_ns < 0 ? run.workload->grain : std::chrono::nanoseconds(options.grain_ns);
    run.pin = options.pin;
    run.machine.topology = options.topology;
    run.machine.seed = options.seed;
    return run;
}

WorkerList choose_workers(const SimulateOptions& options, const testing::MachineSize& size) {
    WorkerList workers;
    if (options.workers.empty()) {
        for (int count = 1; count < size.cores; count *= 2) {
            workers.push_back(count);
        }
        workers.push_back(size.cores);
        return workers;
    }
    try {
        workers = parse_worker_list(options.workers, size.cores);
    } catch (const std::invalid_argument& error) {
        throw Misuse(fmt::format("--workers: {}", error.what()));
    }
    if (workers.back() > size.cpus) {
        throw Misuse(fmt::format(
            "--workers {}: the topology '{}' has {} CPU{}, and no more workers than that were "
            "expected",
            options.workers,
            options.topology,
            size.cpus,
            size.cpus == 1 ? "" : "s"
        ));
    }
    return workers;
}

testing::MachineSize size_of(const std::string& topology) {
    testing::MachineSize size{};
    try {
        size = testing::machine_size(topology);
    } catch (const ValueError& error) {
        throw Misuse(fmt::format("--topology: {}", error.what()));
    }
    if (size.cores > kWorkersMax) {
        throw Misuse(fmt::format(
            "--topology: '{}' has {} cores; up to {} were expected",
            topology,
            size.cores,
            kWorkersMax
        ));
    }
    return size;
}

// ---- what is shown

std::string policy() {
    const char* const set = std::getenv("WEFT_POLICY");
    return set == nullptr ? "" : set;
}

std::string head_text(const Simulated& all) {
    return fmt::format(
        "{}, {} {}, grain {} ns, on {}: {} cores, {} caches, {} nodes; seed {}{}\n{}\n",
        all.run.workload->name,
        all.run.size,
        all.run.workload->size_is,
        all.run.grain.count(),
        one_line(all.run.machine.topology),
        all.size.cores,
        all.size.caches,
        all.size.nodes,
        all.run.machine.seed,
        policy().empty() ? "" : "; WEFT_POLICY=" + one_line(policy()),
        prices_text(all.prices)
    );
}

std::string steals_title(const Simulated& all) {
    return fmt::format(
        "tasks taken with {} (row: thief, column: victim{}):",
        workers_text(all.points.back().workers),
        all.steals.names.size() < static_cast<std::size_t>(all.points.back().workers)
            ? "; by node and cache"
            : ""
    );
}

std::string text_of(const Simulated& all) {
    std::string text = head_text(all) + points_text(all.points);
    if (all.points.back().workers > 1) {
        text += fmt::format("\n  {}\n{}", steals_title(all), blocks_text(all.steals));
    }
    if (!all.checked.empty()) {
        text += fmt::format(
            "\n  simulated as {}, and run on this machine:\n{}",
            all.prices.topology,
            checked_text(all.checked)
        );
    }
    return text;
}

Json json_of(const Simulated& all) {
    Json json = {
        {"workload", all.run.workload->name},
        {"size", all.run.size},
        {"grain_ns", all.run.grain.count()},
        {"topology", all.run.machine.topology},
        {"cores", all.size.cores},
        {"caches", all.size.caches},
        {"nodes", all.size.nodes},
        {"pin", all.run.pin},
        {"seed", all.run.machine.seed},
        {"policy", policy()},
        {"points", points_to_json(all.points)},
        {"steals", blocks_to_json(all.steals)},
        {"check", checked_to_json(all.checked)},
    };
    json.update(prices_to_json(all.prices));
    return json;
}

void write_report(const Simulated& all, const fs::path& out) {
    const Sweep sweep = sweep_of(all.run, all.points);
    const Json fingerprint = take_fingerprint();
    const std::string footer = fmt::format(
        "simulated: {} · weft {} {}",
        one_line(all.run.machine.topology),
        fingerprint_value(fingerprint.at("weft")),
        fingerprint_value(fingerprint.at("commit"))
    );
    PageSection section{sweep.name, head_text(all), {}, {}};
    const bool draws = have_gnuplot();
    for (const Plot& plot : sweep_plots(sweep, footer)) {
        PageFigure figure{"", plot.caption};
        if (draws && !plot.script.empty()) {
            draw(plot, out);
            figure.svg = read_file(out / (plot.file + ".svg"));
        }
        section.figures.push_back(std::move(figure));
    }
    section.table = {{"workers", "time, ms", "speed-up", "efficiency", "steals", "idle"}};
    constexpr double kMilli = 1e6;
    for (const SimulatedPoint& point : all.points) {
        section.table.push_back({
            std::to_string(point.workers),
            short_number(static_cast<double>(point.report.time.count()) / kMilli),
            fmt::format("{:.2f}", point.speed_up),
            fmt::format("{:.1f} %", 100 * point.efficiency),
            std::to_string(point.report.total().stolen),
            fmt::format("{:.0f} %", 100 * point.idle),
        });
    }
    std::vector<std::string> notes{
        "Simulated: the scheduler's own code, on a machine that is made up; the fingerprint is of "
        "the "
        "one that simulated it."};
    for (const CheckedPoint& point : all.checked) {
        notes.push_back(fmt::format(
            "On this machine {} took {:+.0f} % as long in the simulation as for real.",
            workers_text(point.workers),
            100 * point.distance()
        ));
    }
    if (!draws) {
        notes.emplace_back(
            "Without figures: gnuplot is not installed (Debian: apt-get install gnuplot-nox)."
        );
    }
    write_file(
        out / "report.html",
        report_html(
            fmt::format("weft: {} on a simulated machine", sweep.name),
            fingerprint,
            notes,
            {section}
        )
    );
}

int simulate(const SimulateOptions& options) {
    if (options.lists) {
        return print(list_text()) ? kDone : kFailed;
    }
    if (options.prints_prices) {
        return print(json_text(prices_to_json(find_prices(options)))) ? kDone : kFailed;
    }
    Simulated all;
    all.run = make_run(options);
    all.size = size_of(options.topology);
    const WorkerList workers = choose_workers(options, all.size);
    all.prices = find_prices(options);
    all.run.machine.prices = all.prices.prices;
    all.points = simulate_points(all.run, workers);
    all.steals = steal_blocks(all.points.back().report);
    if (!options.is_unchecked) {
        all.checked = check_points(all.run, all.prices.topology);
    }
    const bool printed = print(text_of(all));
    if (!options.json.empty()) {
        write_file(options.json, json_text(json_of(all)));
    }
    if (!options.report.empty()) {
        fs::create_directories(options.report);
        write_report(all, options.report);
    }
    return printed ? kDone : kFailed;
}

}  // namespace

Command add_simulate(CLI::App& app) {
    auto options = std::make_shared<SimulateOptions>();
    CLI::App* const command = app.add_subcommand(
        "simulate", "Run the scheduler on a machine that is made up: 2 cores or 256"
    );
    command
        ->add_option(
            "--topology",
            options->topology,
            "As hwloc describes it: 'pack:2 numa:1 l3:4 core:8 pu:1'"
        )
        ->option_text("SPEC");
    command->add_option("--workload", options->workload, "What to run: see --list")
        ->option_text("NAME");
    command->add_option("--size", options->size, "How much; without: as --list tells")
        ->option_text("N")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000}));
    constexpr std::int64_t kMostGrain = 1'000'000'000;
    command
        ->add_option("--grain", options->grain_ns, "Work of a task, ns; without: as --list tells")
        ->option_text("NS")
        ->check(CLI::Range(std::int64_t{0}, kMostGrain));
    command
        ->add_option(
            "--workers",
            options->workers,
            "How many, as 4, 1..4, 1,2,4 or 1..N; without: 1, 2, 4 and so on to one for each core"
        )
        ->option_text("LIST");
    command
        ->add_option(
            "--pin",
            options->pin,
            "What a worker is bound to: auto, core, group (of one cache), numa or none; without: "
            "core"
        )
        ->option_text("WHAT")
        ->check(CLI::IsMember({"auto", "core", "group", "numa", "none"}));
    command->add_option("--seed", options->seed, "Where searches for work begin; without: 1")
        ->option_text("S");
    command
        ->add_option(
            "--prices",
            options->prices,
            "What operations cost, as --print-prices or --json wrote it, or `assumed`; without: "
            "measured"
        )
        ->option_text("FILE");
    command->add_option("--json", options->json, "Where all figures go")->option_text("FILE");
    command->add_option("--report", options->report, "Where report.html and figures go")
        ->option_text("DIR");
    command->add_flag(
        "--no-check", options->is_unchecked, "Do not run it on this machine, to compare"
    );
    command->add_flag("--list", options->lists, "Print the workloads");
    command->add_flag(
        "--print-prices", options->prints_prices, "Print what operations cost here, as JSON"
    );
    return {command, [options] {
                try {
                    return simulate(*options);
                } catch (const Misuse& error) {
                    complain("simulate", error.what());
                    return kMisused;
                }
            }};
}

}  // namespace weft::tool
