#include <atomic>
#include <chrono>
#include <cstddef>
#include <vector>
#include <weft/weft.hpp>

#include "support/lateness.hpp"
#include "support/workload.hpp"

namespace weft::perf {
namespace {

using Clock = std::chrono::steady_clock;

void keep_one_loop(WorkloadRun& run) {
    const auto tasks = static_cast<std::size_t>(run.size("tasks"));
    const std::chrono::milliseconds stuck(run.size("stuck_ms"));
    run.in_runtime([&] {
        std::atomic<bool> counts = false;
        std::atomic<bool> ends = false;
        Lateness lateness;
        std::vector<Task<void>> all;
        for (std::size_t i = 0; i < tasks; ++i) {
            all.push_back(spawn([&] {
                std::vector<double> late;
                while (!ends.load(std::memory_order_relaxed)) {
                    const auto due = Clock::now() + std::chrono::milliseconds(1);
                    sleep(std::chrono::milliseconds(1));
                    if (counts.load(std::memory_order_relaxed)) {
                        late.push_back(Millis(Clock::now() - due).count());
                    }
                }
                lateness.add(late);
            }));
        }
        sleep(std::chrono::milliseconds(50));  // they are spread out by then
        counts.store(true);
        keep_busy(stuck);
        counts.store(false);
        ends.store(true);
        for (const Task<void>& task : all) {
            await(task);
        }
        run.report("p99", lateness.at(0.99), "ms");
    });
}

const bool added = add_workload("stuck_loop", &keep_one_loop);

}  // namespace
}  // namespace weft::perf
