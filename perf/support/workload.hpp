#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>
#include <weft/runtime.hpp>

namespace weft::perf {

/// One number that a run came to.
struct Figure {
    std::string
        metric;  ///< "time" is what the workload is about; others are its own: "p99", "memory"
    double value;
    std::string unit;
};

/// One run of a workload: what it is to do, and what it came to.
class WorkloadRun {
public:
    /// How many loops, and how they are bound. A workload makes its Runtime by it.
    RuntimeOptions options;
    /// By name, as the workload's config.json has them.
    std::map<std::string, std::int64_t, std::less<>> sizes;
    /// Called by measured(), while the runtime is still there.
    std::function<void(Runtime&)> look;

    /// Errors    std::invalid_argument, naming it, where it was not given.
    [[nodiscard]] std::int64_t size(std::string_view name) const;

    /// Runs `body` as the main task of a runtime of `options`, on loop 0.
    void in_runtime(const std::function<void()>& body);
    /// The same as a task that may move, as those that it spawns.
    void in_stealable_task(const std::function<void()>& body);

    void report(std::string_view metric, double value, std::string_view unit);
    [[nodiscard]] const std::vector<Figure>& figures() const noexcept { return figures_; }

private:
    std::vector<Figure> figures_;
};

/// What weft does for one folder of perf/workload/: its weft.cpp adds it under the folder's name.
using RunWorkload = void (*)(WorkloadRun&);

/// For a constant at namespace scope: true.
bool add_workload(std::string_view name, RunWorkload run);
/// All that are linked in.
[[nodiscard]] const std::map<std::string, RunWorkload, std::less<>>& workloads();

/// Ends the run, saying what is wrong, unless it came to what it had to.
///
/// Errors    std::runtime_error.
void expect_equal(std::int64_t found, std::int64_t expected, std::string_view what);

/// Keeps the thread for that long, as a computation would.
void keep_busy(std::chrono::nanoseconds duration);

/// How long `body` took, in nanoseconds.
[[nodiscard]] double nanoseconds_of(const std::function<void()>& body);

}  // namespace weft::perf
