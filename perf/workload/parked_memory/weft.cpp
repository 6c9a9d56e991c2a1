#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>
#include <weft/weft.hpp>

#include "support/workload.hpp"

namespace weft::perf {
namespace {

void park_tasks(WorkloadRun& run) {
    const std::int64_t tasks = run.size("tasks");
    run.in_stealable_task([&] {
        std::atomic<std::int64_t> parked = 0;
        std::vector<Task<void>> all;
        all.reserve(static_cast<std::size_t>(tasks));
        const double before = resident_bytes();
        for (std::int64_t i = 0; i < tasks; ++i) {
            all.push_back(spawn([&parked] {
                parked.fetch_add(1, std::memory_order_relaxed);
                sleep(std::chrono::hours(1));
            }));
            if (i % 64 == 63) {
                yield();  // lets them get to their wait
            }
        }
        while (parked.load(std::memory_order_relaxed) < tasks) {
            yield();
        }
        run.report("memory", (resident_bytes() - before) / static_cast<double>(tasks), "bytes");
        for (const Task<void>& task : all) {
            task.cancel();
        }
        wait(all);
    });
}

const bool added = add_workload("parked_memory", &park_tasks);

}  // namespace
}  // namespace weft::perf
