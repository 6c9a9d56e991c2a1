#include "sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <regex>
#include <tuple>

namespace weft::tool {
namespace {

/// How much is done in a time, whatever the unit counts.
double rate_of(double value, const std::string& unit) {
    if (more_is_better(unit)) {
        return value;
    }
    return value > 0 ? 1 / value : 0;
}

/// The rates of a point over `base`; low and high in their order.
Band rates_over(const Summary& measured, const std::string& unit, double base) {
    if (base <= 0) {
        return {};
    }
    const auto [low, high] =
        std::minmax({rate_of(measured.least, unit), rate_of(measured.most, unit)});
    return {rate_of(measured.median, unit) / base, low / base, high / base};
}

Band scaled_by(const Band& band, double factor) {
    return {band.middle * factor, band.low * factor, band.high * factor};
}

/// What the workload is about, or else what comes first.
const BenchResult* main_result(
    const std::vector<BenchResult>& results, const WorkloadCase& measured
) {
    const auto main = std::ranges::find(results, measured.metrics.front(), &BenchResult::metric);
    if (main != results.end()) {
        return &*main;
    }
    return results.empty() ? nullptr : &results.front();
}

std::vector<SweepLine> percentiles_of(const std::vector<BenchResult>& results) {
    static const std::regex percentile("(^|.*[_ ])p[0-9]+([.][0-9]+)?");
    std::vector<SweepLine> lines;
    for (const BenchResult& result : results) {
        if (!std::regex_match(result.metric, percentile)) {
            continue;
        }
        auto line = std::ranges::find_if(lines, [&](const SweepLine& one) {
            return one.metric == result.metric && one.unit == result.unit;
        });
        if (line == lines.end()) {
            line = lines.insert(lines.end(), {result.metric, result.unit, {}});
        }
        line->points.emplace_back(result.workers, summarize(result.values));
    }
    return lines;
}

/// Of all runs of the cell.
std::vector<std::uint64_t> sum_of_steals(const BenchCell& cell) {
    std::vector<std::uint64_t> sum;
    for (const RunOutcome& outcome : cell.outcomes) {
        sum.resize(std::max(sum.size(), outcome.steals.size()));
        for (std::size_t i = 0; i < outcome.steals.size(); ++i) {
            sum[i] += outcome.steals[i];
        }
    }
    return sum;
}

void add_points(
    Sweep& sweep, const std::vector<BenchCell>& cells, const std::vector<BenchResult>& results
) {
    for (const BenchCell& cell : cells) {
        const auto result = std::ranges::find_if(results, [&](const BenchResult& one) {
            return one.workers == cell.request.workers && one.metric == sweep.metric &&
                   one.unit == sweep.unit;
        });
        if (result == results.end()) {
            continue;
        }
        const std::vector<std::uint64_t> steals = sum_of_steals(cell);
        SweepPoint point;
        point.workers = cell.request.workers;
        point.measured = summarize(result->values);
        point.steals = std::accumulate(steals.begin(), steals.end(), std::uint64_t{0});
        sweep.points.push_back(point);
    }
    if (sweep.points.empty()) {
        return;
    }
    const int fewest = sweep.points.front().workers;
    const double base = rate_of(sweep.points.front().measured.median, sweep.unit);
    for (SweepPoint& point : sweep.points) {
        point.speed_up = rates_over(point.measured, sweep.unit, base);
        point.efficiency = scaled_by(
            point.speed_up, static_cast<double>(fewest) / static_cast<double>(point.workers)
        );
    }
}

void fit_law(Sweep& sweep) {
    if (sweep.points.size() < 3) {
        sweep.why_no_usl = fmt::format(
            "a fit needs three numbers of workers, and there {} {}",
            sweep.points.size() == 1 ? "is" : "are",
            sweep.points.size()
        );
        return;
    }
    if (sweep.points.front().workers != 1) {
        sweep.why_no_usl = "a fit needs the figure of one worker, which the law is relative to";
        return;
    }
    std::vector<Capacity> measured;
    for (const SweepPoint& point : sweep.points) {
        measured.push_back({static_cast<double>(point.workers), point.speed_up.middle});
    }
    sweep.usl = fit_usl(measured);
}

std::string spread_text(const Summary& measured) {
    return short_number(measured.least) + ".." + short_number(measured.most);
}

}  // namespace

std::uint64_t StealMatrix::most() const {
    return counts.empty() ? 0 : *std::ranges::max_element(counts);
}

bool StealMatrix::node_changes_before(std::size_t place) const {
    return place > 0 && places.at(place).node != places.at(place - 1).node;
}

bool StealMatrix::cache_changes_before(std::size_t place) const {
    return place > 0 && places.at(place).l3 != places.at(place - 1).l3;
}

StealMatrix group_steals(
    const std::vector<LoopPlace>& places, const std::vector<std::uint64_t>& counts
) {
    StealMatrix matrix;
    matrix.order.resize(places.size());
    std::iota(matrix.order.begin(), matrix.order.end(), 0);
    const auto place_of = [&](int worker) -> const LoopPlace& {
        return places[static_cast<std::size_t>(worker)];
    };
    std::ranges::stable_sort(matrix.order, {}, [&](int worker) {
        return std::pair(place_of(worker).node, place_of(worker).l3);
    });
    for (const int thief : matrix.order) {
        matrix.places.push_back(place_of(thief));
        for (const int victim : matrix.order) {
            matrix.counts.push_back(counts.at(
                static_cast<std::size_t>(thief) * places.size() + static_cast<std::size_t>(victim)
            ));
        }
    }
    return matrix;
}

Sweep make_sweep(const std::vector<BenchCell>& cells, const std::string& what, int cpus) {
    Sweep sweep;
    sweep.name = cells.at(0).request.what.full_name();
    sweep.what = what;
    sweep.cpus = cpus;
    const std::vector<BenchResult> results = results_of(cells);
    if (const BenchResult* const main = main_result(results, cells.at(0).request.what);
        main != nullptr) {
        sweep.metric = main->metric;
        sweep.unit = main->unit;
        add_points(sweep, cells, results);
    }
    sweep.percentiles = percentiles_of(results);
    fit_law(sweep);
    const auto widest = std::ranges::find_if(cells.rbegin(), cells.rend(), [](const auto& cell) {
        return !cell.outcomes.empty();
    });
    if (widest != cells.rend() && widest->outcomes.front().places.size() > 1) {
        sweep.steals = group_steals(widest->outcomes.front().places, sum_of_steals(*widest));
    }
    return sweep;
}

std::string usl_text(const Sweep& sweep) {
    if (!sweep.usl.has_value()) {
        return "No scalability law: " + sweep.why_no_usl + ".";
    }
    const UslFit& fit = *sweep.usl;
    std::string text = fmt::format(
        "C(N) = N / (1 + alpha (N - 1) + beta N (N - 1)) with alpha = {:.4f} (done one after the "
        "other), beta = {:.6f} (agreement between each two), residual {:.3f} in units of C (root "
        "mean square, {} points).",
        fit.alpha,
        fit.beta,
        fit.residual,
        sweep.points.size()
    );
    if (fit.peak.has_value() && *fit.peak <= 1) {
        text += " One worker is the best: it falls from N = 1 on.";
    } else if (fit.peak.has_value()) {
        text += fmt::format(
            " The peak is at N* = {:.1f} workers with C = {:.2f}{}.",
            *fit.peak,
            fit.at(*fit.peak),
            *fit.peak > sweep.points.back().workers ? ", beyond what was measured" : ""
        );
    } else if (fit.alpha > 0) {
        text += fmt::format(
            " No peak, as beta is 0: it rises towards 1/alpha = {:.1f}.", 1 / fit.alpha
        );
    } else {
        text += " No peak: alpha and beta are 0, it rises without end.";
    }
    return text;
}

Json sweep_to_json(const Sweep& sweep) {
    Json points = Json::array();
    for (const SweepPoint& point : sweep.points) {
        points.push_back({
            {"workers", point.workers},
            {"oversubscribed", point.workers > sweep.cpus},
            {"median", point.measured.median},
            {"min", point.measured.least},
            {"max", point.measured.most},
            {"speed_up", point.speed_up.middle},
            {"speed_up_low", point.speed_up.low},
            {"speed_up_high", point.speed_up.high},
            {"efficiency", point.efficiency.middle},
            {"steals", point.steals},
        });
    }
    Json matrix;
    if (sweep.steals.has_value()) {
        Json places = Json::array();
        for (const LoopPlace& place : sweep.steals->places) {
            places.push_back({{"cpu", place.cpu}, {"l3", place.l3}, {"node", place.node}});
        }
        matrix = {
            {"order", sweep.steals->order},
            {"places", std::move(places)},
            {"thief_by_victim", sweep.steals->counts},
        };
    }
    Json usl = {{"why_not", sweep.why_no_usl}};
    if (sweep.usl.has_value()) {
        usl = {
            {"alpha", sweep.usl->alpha},
            {"beta", sweep.usl->beta},
            {"residual", sweep.usl->residual},
            {"peak", sweep.usl->peak.has_value() ? Json(*sweep.usl->peak) : Json()},
        };
    }
    return {
        {"name", sweep.name},
        {"metric", sweep.metric},
        {"unit", sweep.unit},
        {"cpus", sweep.cpus},
        {"points", std::move(points)},
        {"usl", std::move(usl)},
        {"steals", std::move(matrix)},
    };
}

std::string sweep_text(const Sweep& sweep) {
    std::string text = fmt::format(
        "{}: {} [{}]\n\n  {:>7}  {:>9}  {:>19}  {:>8}  {:>10}  {:>9}\n",
        sweep.name,
        sweep.metric,
        sweep.unit,
        "workers",
        "median",
        "min..max",
        "speed-up",
        "efficiency",
        "steals"
    );
    for (const SweepPoint& point : sweep.points) {
        text += fmt::format(
            "  {:>7}  {:>9}  {:>19}  {:>8.2f}  {:>9.0f}%  {:>9}{}\n",
            point.workers,
            short_number(point.measured.median),
            spread_text(point.measured),
            point.speed_up.middle,
            100 * point.efficiency.middle,
            point.steals,
            point.workers > sweep.cpus ? "  oversubscribed" : ""
        );
    }
    for (const SweepLine& line : sweep.percentiles) {
        text += fmt::format("\n  {} [{}]:", line.metric, line.unit);
        for (const auto& [workers, summary] : line.points) {
            text += fmt::format(" {} at {},", short_number(summary.median), workers);
        }
        text.back() = '\n';
    }
    return text + "\n  " + usl_text(sweep) + "\n";
}

}  // namespace weft::tool
