#include "bench_rounds.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <stdexcept>

#include "base/disable.hpp"
#include "output.hpp"
#include "sched/cpu_quota.hpp"
#include "sched/topology.hpp"
#include "sched/width.hpp"

namespace weft::tool {
namespace {

/// One line on stderr that is written over and gone at the end. Nothing where that is no terminal.
class ProgressLine {
public:
    explicit ProgressLine(std::size_t steps)
        : steps_(steps), is_on_(::isatty(STDERR_FILENO) == 1) {}
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;
    ~ProgressLine() { clear(); }

    void begin_step(const std::string& what) {
        if (is_on_) {
            const std::chrono::duration<double> spent = Clock::now() - start_;
            const double left = done_ == 0 ? 0
                                           : spent.count() / static_cast<double>(done_) *
                                                 static_cast<double>(steps_ - done_);
            write_over(fmt::format(
                "[{}/{}] {}{}",
                done_ + 1,
                steps_,
                what,
                done_ == 0 ? "" : fmt::format(", {:.0f} s left", left)
            ));
        }
        ++done_;
    }
    void clear() {
        if (is_on_) {
            write_over("");
        }
    }

private:
    using Clock = std::chrono::steady_clock;

    static void write_over(const std::string& text) { print_error("\r\x1b[K" + text); }

    const std::size_t steps_;
    const bool is_on_;
    const Clock::time_point start_ = Clock::now();
    std::size_t done_ = 0;
};

/// What runs say beside their figures: warnings about the machine, mostly, and the same each time.
class SaidOnce {
public:
    void say(const std::string& log, ProgressLine& progress) {
        std::size_t begin = 0;
        while (begin < log.size()) {
            const std::size_t end = std::min(log.find('\n', begin), log.size());
            const std::string line = log.substr(begin, end - begin);
            if (!line.empty() && said_.insert(line).second) {
                progress.clear();
                print_error(one_line(line) + '\n');
            }
            begin = end + 1;
        }
    }

private:
    std::set<std::string> said_;
};

BenchResult& result_for(
    std::vector<BenchResult>& results, const BenchCell& cell, const RunFigure& figure
) {
    BenchResult fresh{
        cell.request.what.workload,
        cell.request.what.name,
        cell.request.workers,
        figure.metric,
        figure.unit,
        cell.request.is_quick ? std::nullopt  // it is for all of the work
                              : cell.request.what.goal(cell.request.workers, figure.metric),
        {},
    };
    const auto found = std::ranges::find_if(results, [&](const BenchResult& result) {
        return result.is_same_as(fresh);
    });
    return found != results.end() ? *found : results.emplace_back(std::move(fresh));
}

}  // namespace

std::string BenchCell::title() const {
    return fmt::format("{}, {}", request.what.full_name(), workers_text(request.workers));
}

std::vector<BenchFailure> run_rounds(std::vector<BenchCell>& cells, int repeats) {
    std::vector<BenchFailure> failures;
    ProgressLine progress(cells.size() * static_cast<std::size_t>(repeats));
    SaidOnce said;
    for (int round = 1; round <= repeats; ++round) {
        for (BenchCell& cell : cells) {
            const std::string what = fmt::format("{}, run {}", cell.title(), round);
            progress.begin_step(what);
            RunOutcome outcome = run_in_child(cell.request);
            said.say(outcome.log, progress);
            if (outcome.error.empty()) {
                cell.outcomes.push_back(std::move(outcome));
            } else {
                progress.clear();
                complain("bench", what + ": " + outcome.error);
                failures.push_back({what, std::move(outcome.error)});
            }
        }
    }
    return failures;
}

std::vector<BenchResult> results_of(const std::vector<BenchCell>& cells) {
    std::vector<BenchResult> results;
    for (const BenchCell& cell : cells) {
        for (const RunOutcome& outcome : cell.outcomes) {
            for (const RunFigure& figure : outcome.figures) {
                result_for(results, cell, figure).values.push_back(figure.value);
            }
        }
    }
    return results;
}

UsableCpus usable_cpus(bool one_a_core) {
    const rt::Topology all = rt::Topology::detect();
    const std::optional<double> quota = rt::is_disabled("cgroup") ? std::nullopt : rt::cpu_quota();
    if (!one_a_core) {
        return {rt::choose_width(all, quota, 0), ""};
    }
    if (!all.from_hwloc) {
        throw std::runtime_error("which hardware threads share a core is not known here");
    }
    std::set<int> cores;
    rt::CpuList first;
    for (const rt::Cpu& cpu : all.cpus) {
        if (cores.insert(cpu.core).second) {
            first.push_back(cpu.os_index);
        }
    }
    std::ranges::sort(first);
    if (first.size() == all.cpus.size()) {
        complain("bench", "no core has a second hardware thread here: without them it is the same");
    }
    return {rt::choose_width(all.restricted_to(first), quota, 0), rt::format_cpu_list(first)};
}

}  // namespace weft::tool
