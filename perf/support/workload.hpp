#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <weft/runtime.hpp>

#include "support/run.hpp"

namespace weft::perf {

/// One run of a workload by weft.
class WorkloadRun : public Run {
public:
    /// How many loops, and how they are bound. A workload makes its Runtime by it.
    RuntimeOptions options;
    /// Called by in_runtime(), while the runtime is still there.
    std::function<void(Runtime&)> look;

    /// Runs `body` as the main task of a runtime of `options`, on loop 0.
    void in_runtime(const std::function<void()>& body);
    /// The same as a task that may move, as those that it spawns.
    void in_stealable_task(const std::function<void()>& body);
};

/// What weft does for one folder of perf/workload/: its weft.cpp adds it under the folder's name.
using RunWorkload = void (*)(WorkloadRun&);

/// For a constant at namespace scope: true.
bool add_workload(std::string_view name, RunWorkload run);
/// All that are linked in.
[[nodiscard]] const std::map<std::string, RunWorkload, std::less<>>& workloads();

}  // namespace weft::perf
