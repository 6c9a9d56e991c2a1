#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "bench.hpp"
#include "bench_options.hpp"
#include "bench_rounds.hpp"
#include "files.hpp"
#include "fingerprint.hpp"
#include "output.hpp"
#include "report_html.hpp"
#include "sweep.hpp"
#include "sweep_plots.hpp"

// weft bench sweep: how a workload scales with workers, as figures, tables, and files for others.

namespace weft::tool {
namespace {

namespace fs = std::filesystem;

struct SweepOptions {
    std::string workload;
    MeasureOptions measure;
    std::string pin = "auto";
    std::string smt = "on";
    std::string out = "build/sweep";
};

/// What was measured, and how.
struct SweepRun {
    BenchReport report;
    std::vector<BenchCell> cells;
    std::vector<Sweep> sweeps;  // of the cases that came to figures
    UsableCpus cpus;
};

const std::string& what_is_measured(const std::string& workload) {
    return std::ranges::find(workload_catalog(), workload, &Workload::name)->what;
}

std::vector<BenchCell> make_sweep_cells(const SweepOptions& options, const UsableCpus& cpus) {
    const auto cases = cases_of(workload_catalog(), options.workload);
    if (cases.empty()) {
        throw Misuse(fmt::format(
            "there is no workload or workload/case '{}'; see weft bench list", options.workload
        ));
    }
    std::vector<BenchCell> cells;
    for (const WorkloadCase& one : cases) {
        for (const int count : options.measure.worker_list(cpus.count)) {
            BenchCell cell;
            cell.request.what = one;
            cell.request.workers = count;
            cell.request.pin = pin_of_name(options.pin);
            cell.request.cpus = cpus.list;
            cell.request.is_quick = options.measure.is_quick;
            cell.request.timeout = std::chrono::seconds(options.measure.timeout_seconds);
            cells.push_back(std::move(cell));
        }
    }
    return cells;
}

/// The cells come case by case.
std::vector<Sweep> sweeps_of(const std::vector<BenchCell>& cells, int cpus) {
    std::vector<Sweep> sweeps;
    for (auto begin = cells.begin(); begin != cells.end();) {
        const auto end = std::find_if(begin, cells.end(), [&](const BenchCell& cell) {
            return cell.request.what.full_name() != begin->request.what.full_name();
        });
        Sweep sweep =
            make_sweep({begin, end}, what_is_measured(begin->request.what.workload), cpus);
        if (!sweep.points.empty()) {
            sweeps.push_back(std::move(sweep));
        }
        begin = end;
    }
    return sweeps;
}

// ---- the files

std::string csv_quoted(const std::string& text) {
    std::string result = "\"";
    for (const char character : text) {
        result += character;
        if (character == '"') {
            result += '"';
        }
    }
    return result + '"';
}

/// A row for each value, with what it depends on.
std::string sweep_csv(const SweepRun& run, const SweepOptions& options) {
    std::string text =
        "workload,case,workers,oversubscribed,pin,smt,metric,unit,run,value,cpu,kernel,commit,"
        "date\n";
    const auto entry = [&](const char* key) {
        return csv_quoted(fingerprint_value(run.report.fingerprint.at(key)));
    };
    const std::string machine =
        fmt::format("{},{},{},{}", entry("cpu"), entry("kernel"), entry("commit"), entry("date"));
    for (const BenchResult& result : run.report.results) {
        for (std::size_t i = 0; i < result.values.size(); ++i) {
            text += fmt::format(
                "{},{},{},{},{},{},{},{},{},{},{}\n",
                csv_quoted(result.workload),
                csv_quoted(result.name),
                result.workers,
                result.workers > run.cpus.count ? "yes" : "no",
                options.pin,
                options.smt,
                csv_quoted(result.metric),
                csv_quoted(result.unit),
                i + 1,
                result.values[i],
                machine
            );
        }
    }
    return text;
}

std::string sweep_json(const SweepRun& run, const SweepOptions& options) {
    Json json = to_json(run.report);
    Json sweeps = Json::array();
    for (const Sweep& sweep : run.sweeps) {
        sweeps.push_back(sweep_to_json(sweep));
    }
    json["pin"] = options.pin;
    json["smt"] = options.smt;
    json["cpus"] = run.cpus.count;
    json["cpu_list"] = run.cpus.list;
    json["sweeps"] = std::move(sweeps);
    return json_text(json);
}

std::vector<std::vector<std::string>> table_of(const Sweep& sweep) {
    std::vector<std::vector<std::string>> rows{
        {"workers", sweep.unit, "min..max", "speed-up", "min..max", "efficiency", "steals", ""}};
    for (const SweepPoint& point : sweep.points) {
        rows.push_back({
            std::to_string(point.workers),
            short_number(point.measured.median),
            fmt::format(
                "{}..{}", short_number(point.measured.least), short_number(point.measured.most)
            ),
            fmt::format("{:.2f}", point.speed_up.middle),
            fmt::format("{:.2f}..{:.2f}", point.speed_up.low, point.speed_up.high),
            fmt::format("{:.0f} %", 100 * point.efficiency.middle),
            std::to_string(point.steals),
            point.workers > sweep.cpus ? "oversubscribed" : "",
        });
    }
    return rows;
}

/// Draws what can be drawn and returns the page's part; a figure that fails is a line in it.
PageSection section_of(
    const Sweep& sweep, const std::string& footer, const fs::path& out, bool draws
) {
    PageSection section{sweep.name, sweep.what, {}, table_of(sweep)};
    for (const Plot& plot : sweep_plots(sweep, footer)) {
        PageFigure figure{"", plot.caption};
        if (draws && !plot.script.empty()) {
            try {
                draw(plot, out);
                figure.svg = read_file(out / (plot.file + ".svg"));
            } catch (const std::exception& error) {
                complain("bench sweep", error.what());
                figure.caption += fmt::format(" (Not drawn: {}.)", error.what());
            }
        }
        section.figures.push_back(std::move(figure));
    }
    return section;
}

std::vector<std::string> notes_of(const SweepRun& run, const SweepOptions& options, bool draws) {
    std::vector<std::string> notes{fmt::format(
        "{} run{} of each, round by round, each in a process of its own; workers bound: {}; {} "
        "CPU{}{}; "
        "hardware threads of one core: {}.",
        options.measure.repeats,
        options.measure.repeats == 1 ? "" : "s",
        options.pin,
        run.cpus.count,
        run.cpus.count == 1 ? "" : "s",
        run.cpus.list.empty() ? "" : " (" + run.cpus.list + ")",
        options.smt == "on" ? "all used" : "one used"
    )};
    if (options.measure.is_quick) {
        notes.emplace_back("Quick: too little work; the figures say nothing.");
    }
    if (std::ranges::any_of(run.sweeps, &Sweep::is_oversubscribed)) {
        notes.push_back(fmt::format(
            "Oversubscribed: what more than {} workers do shows the kernel's scheduler, too.",
            run.cpus.count
        ));
    }
    if (!draws) {
        notes.emplace_back(
            "Without figures: gnuplot is not installed (Debian: apt-get install gnuplot-nox)."
        );
    }
    for (const BenchFailure& failure : run.report.failures) {
        notes.push_back(fmt::format("Failed: {}: {}", failure.what, failure.why));
    }
    return notes;
}

void write_sweep(const SweepRun& run, const SweepOptions& options) {
    const fs::path out(options.out);
    write_file(out / "sweep.json", sweep_json(run, options));
    write_file(out / "sweep.csv", sweep_csv(run, options));

    const bool draws = have_gnuplot();
    if (!draws) {
        complain(
            "bench sweep",
            "gnuplot is not installed: report.html has tables and no figures (Debian: apt-get "
            "install gnuplot-nox)"
        );
    }
    const auto entry = [&](const char* key) {
        return fingerprint_value(run.report.fingerprint.at(key));
    };
    const std::string footer = fmt::format(
        "{}, {} cores, pin {} · weft {} {} · {}",
        entry("cpu"),
        entry("cores"),
        options.pin,
        entry("weft"),
        entry("commit"),
        entry("date")
    );
    std::vector<PageSection> sections;
    for (const Sweep& sweep : run.sweeps) {
        sections.push_back(section_of(sweep, footer, out, draws));
    }
    write_file(
        out / "report.html",
        report_html(
            fmt::format("weft: how {} scales", options.workload),
            run.report.fingerprint,
            notes_of(run, options, draws),
            sections
        )
    );
}

int sweep_workload(const SweepOptions& options) {
    SweepRun run;
    run.cpus = usable_cpus(options.smt == "off");
    run.cells = make_sweep_cells(options, run.cpus);
    fs::create_directories(options.out);
    run.report = {take_fingerprint(), options.measure.is_quick, {}, {}};
    run.report.failures = run_rounds(run.cells, options.measure.repeats);
    run.report.results = results_of(run.cells);
    run.sweeps = sweeps_of(run.cells, run.cpus.count);

    std::string text;
    for (const Sweep& sweep : run.sweeps) {
        text += sweep_text(sweep) + '\n';
    }
    bool printed = print(text);
    write_sweep(run, options);
    printed =
        print(fmt::format("  see {}\n", one_line((fs::path(options.out) / "report.html").string()))
        ) &&
        printed;
    return printed && run.report.failures.empty() ? kDone : kFailed;
}

}  // namespace

Command add_bench_sweep(CLI::App& bench) {
    auto options = std::make_shared<SweepOptions>();
    options->measure.workers = "1..N";
    CLI::App* const command = bench.add_subcommand(
        "sweep", "Run a workload with more and more workers: speed-up, efficiency, steals"
    );
    command->add_option("WORKLOAD[/CASE]", options->workload, "What to run: see `weft bench list`")
        ->option_text(" ")
        ->required();
    add_measure_options(*command, options->measure, "1..N, where N is the number of CPUs");
    command
        ->add_option(
            "--pin",
            options->pin,
            "What a worker is bound to: auto, core, group (of one cache), numa or none; without: "
            "auto"
        )
        ->option_text("WHAT")
        ->check(CLI::IsMember({"auto", "core", "group", "numa", "none"}));
    command
        ->add_option(
            "--smt",
            options->smt,
            "off: one hardware thread of each core; without: on, as affinity and WEFT_CPUS leave "
            "them"
        )
        ->option_text("on|off")
        ->check(CLI::IsMember({"on", "off"}));
    command
        ->add_option(
            "--out", options->out, "Where report.html and the rest go; without: build/sweep"
        )
        ->option_text("DIR");
    return {command, [options] { return sweep_workload(*options); }};
}

}  // namespace weft::tool
