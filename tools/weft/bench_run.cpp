#include <fmt/format.h>

#include <memory>
#include <regex>
#include <string>
#include <utility>

#include "bench.hpp"
#include "bench_options.hpp"
#include "bench_rounds.hpp"
#include "files.hpp"
#include "fingerprint.hpp"
#include "output.hpp"
#include "worker_list.hpp"

namespace weft::tool {
namespace {

struct RunOptions {
    std::string filter;
    MeasureOptions measure;  // no workers: as each config.json says
    std::string json;
};

std::vector<WorkloadCase> chosen_cases(const std::string& filter) {
    std::vector<WorkloadCase> cases;
    try {
        cases = cases_that_match(workload_catalog(), filter);
    } catch (const std::regex_error&) {
        throw Misuse(fmt::format("'{}' is no regular expression", filter));
    }
    if (cases.empty()) {
        throw Misuse(fmt::format("no workload/case matches '{}'; see weft bench list", filter));
    }
    return cases;
}

/// The numbers of workers for a case. Those of its config.json that are too many here are left out.
WorkerList workers_for(const WorkloadCase& one, const WorkerList& asked_for, int most) {
    if (!asked_for.empty()) {
        return asked_for;
    }
    WorkerList workers;
    for (const int count : one.workers) {
        if (count <= most) {
            workers.push_back(count);
        } else {
            complain(
                "bench run",
                fmt::format(
                    "left out: {}, {}, as there are {} CPUs",
                    one.full_name(),
                    workers_text(count),
                    most
                )
            );
        }
    }
    return workers;
}

std::vector<BenchCell> make_cells(const RunOptions& options) {
    const int cpus = usable_cpus(false).count;
    const MeasureOptions& measure = options.measure;
    const int most = measure.oversubscribe ? kWorkersMax : cpus;
    WorkerList asked_for;
    if (!measure.workers.empty()) {
        asked_for = measure.worker_list(cpus);
    }
    std::vector<BenchCell> cells;
    for (const WorkloadCase& one : chosen_cases(options.filter)) {
        for (const int count : workers_for(one, asked_for, most)) {
            BenchCell cell;
            cell.request.what = one;
            cell.request.workers = count;
            cell.request.is_quick = measure.is_quick;
            cell.request.timeout = std::chrono::seconds(measure.timeout_seconds);
            cells.push_back(std::move(cell));
        }
    }
    return cells;
}

int run_bench(const RunOptions& options) {
    std::vector<BenchCell> cells = make_cells(options);
    BenchReport report{take_fingerprint(), options.measure.is_quick, {}, {}};
    report.failures = run_rounds(cells, options.measure.repeats);
    report.results = results_of(cells);
    const std::string text = fmt::format(
        "{}\n  median of {} run{}{}\n\n{}",
        fingerprint_text(report.fingerprint),
        options.measure.repeats,
        options.measure.repeats == 1 ? "" : "s",
        options.measure.is_quick ? "; quick: too little work, the figures say nothing" : "",
        results_table(report.results)
    );
    const bool printed = print(text);
    if (!options.json.empty()) {
        write_file(options.json, json_text(to_json(report)));
    }
    return printed && report.failures.empty() ? kDone : kFailed;
}

}  // namespace

Command add_bench_run(CLI::App& bench) {
    auto options = std::make_shared<RunOptions>();
    CLI::App* const command = bench.add_subcommand("run", "Run workloads and print their figures");
    command
        ->add_option(
            "FILTER", options->filter, "A regular expression for workload/case; without: all"
        )
        ->option_text(" ");
    add_measure_options(*command, options->measure, "as the workload says");
    command->add_option("--json", options->json, "Where the figures go, for `weft bench compare`")
        ->option_text("FILE");
    return {command, [options] { return run_bench(*options); }};
}

}  // namespace weft::tool
