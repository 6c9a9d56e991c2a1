#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench_rounds.hpp"
#include "json.hpp"
#include "statistics.hpp"
#include "usl_fit.hpp"

namespace weft::tool {

/// How often who took tasks from whom, with the workers that share a node, and then a cache, side by side.
struct StealMatrix {
    std::vector<int> order;             ///< the workers, in the order of rows and columns
    std::vector<LoopPlace> places;      ///< of these
    std::vector<std::uint64_t> counts;  ///< row after row: thief, then victim

    [[nodiscard]] std::size_t size() const noexcept { return order.size(); }
    [[nodiscard]] std::uint64_t at(std::size_t thief, std::size_t victim) const {
        return counts.at(thief * size() + victim);
    }
    [[nodiscard]] std::uint64_t most() const;
    [[nodiscard]] bool node_changes_before(std::size_t place) const;
    [[nodiscard]] bool cache_changes_before(std::size_t place) const;
};

/// A value and between which it came out.
struct Band {
    double middle = 0;
    double low = 0;
    double high = 0;
};

/// One number of workers.
struct SweepPoint {
    int workers = 0;
    Summary measured;
    Band speed_up;             ///< to the fewest workers
    Band efficiency;           ///< of what that many could reach: 1 is all
    std::uint64_t steals = 0;  ///< in all runs
};

/// A metric at each number of workers that has it.
struct SweepLine {
    std::string metric;
    std::string unit;
    std::vector<std::pair<int, Summary>> points;
};

/// One case over numbers of workers.
struct Sweep {
    std::string name;  ///< "yield/2"
    std::string what;
    std::string metric;  ///< what the speed-up is of
    std::string unit;
    int cpus = 0;  ///< workers beyond them share
    std::vector<SweepPoint> points;
    std::vector<SweepLine> percentiles;  ///< p50, p99 and the like
    std::optional<StealMatrix> steals;   ///< with the most workers; nothing with one
    std::optional<UslFit> usl;
    std::string why_no_usl;

    [[nodiscard]] bool is_oversubscribed() const {
        return !points.empty() && points.back().workers > cpus;
    }
};

/// `cells`: those of one case, with the fewest workers first; some may have no outcome.
[[nodiscard]] Sweep make_sweep(
    const std::vector<BenchCell>& cells, const std::string& what, int cpus
);

[[nodiscard]] StealMatrix group_steals(
    const std::vector<LoopPlace>& places, const std::vector<std::uint64_t>& counts
);

[[nodiscard]] Json sweep_to_json(const Sweep& sweep);
/// The table and what the fit says, as text.
[[nodiscard]] std::string sweep_text(const Sweep& sweep);
/// What the fit says, in a sentence or two.
[[nodiscard]] std::string usl_text(const Sweep& sweep);

}  // namespace weft::tool
