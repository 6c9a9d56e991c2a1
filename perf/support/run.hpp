#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weft::perf {

/// One number that a run came to.
struct Figure {
    std::string
        metric;  ///< "time" is what the workload is about; others are its own: "p99", "memory"
    double value;
    std::string unit;
};

/// One run of a workload, by weft or by a peer: what it is to do, and what it came to.
class Run {
public:
    int workers = 1;
    /// By name, as the workload's config.json has them.
    std::map<std::string, std::int64_t, std::less<>> sizes;

    /// Errors    std::invalid_argument, naming it, where it was not given.
    [[nodiscard]] std::int64_t size(std::string_view name) const;

    void report(std::string_view metric, double value, std::string_view unit);
    [[nodiscard]] const std::vector<Figure>& figures() const noexcept { return figures_; }

private:
    std::vector<Figure> figures_;
};

/// The main() of every program of this kind:
///     PROGRAM WORKLOAD WORKERS [SIZE=NUMBER]...
/// has `run` do the workload of that name, and prints a line for each figure, "M METRIC VALUE UNIT".
///
/// `run` returns whether there is such a workload; what it throws is printed.
/// Returns  what main() returns.
int run_program(
    int count, char** words, Run& run, const std::function<bool(std::string_view name)>& body
);

/// Ends the run, saying what is wrong, unless it came to what it had to.
///
/// Errors    std::runtime_error.
void expect_equal(std::int64_t found, std::int64_t expected, std::string_view what);

/// Keeps the thread for that long, as a computation would.
void keep_busy(std::chrono::nanoseconds duration);

/// How long `body` took, in nanoseconds.
[[nodiscard]] double nanoseconds_of(const std::function<void()>& body);

/// The time below which `share` of `times` are, 0.99 say; sorts them.
[[nodiscard]] double percentile(std::vector<double>& times, double share);

/// How much of this process is in memory.
[[nodiscard]] double resident_bytes();

}  // namespace weft::perf
