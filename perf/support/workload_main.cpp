#include <string_view>

#include "support/workload.hpp"

// weft's side of the workloads, as the peers' programs have theirs.
int main(int count, char** words) {
    weft::perf::WorkloadRun run;
    return weft::perf::run_program(count, words, run, [&](std::string_view name) {
        const auto found = weft::perf::workloads().find(name);
        if (found == weft::perf::workloads().end()) {
            return false;
        }
        run.options.workers = run.workers;
        found->second(run);
        return true;
    });
}
