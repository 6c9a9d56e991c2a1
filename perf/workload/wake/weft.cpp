#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>
#include <weft/weft.hpp>

#include "support/workload.hpp"

namespace weft::perf {
namespace {

using Clock = std::chrono::steady_clock;

void wake_a_worker(WorkloadRun& run) {
    const auto wakes = static_cast<std::size_t>(run.size("wakes"));
    const std::chrono::microseconds pause(run.size("pause_us"));
    run.in_stealable_task([&] {
        Queue<Clock::time_point> queue;
        std::atomic<bool> waits = false;
        std::thread waker([&] {
            for (std::size_t i = 0; i < wakes; ++i) {
                while (!waits.exchange(false, std::memory_order_acquire)) {
                }
                keep_busy(pause);  // the worker has gone to sleep by then
                queue.put(Clock::now());
            }
        });
        std::vector<double> times;
        for (std::size_t i = 0; i < wakes; ++i) {
            waits.store(true, std::memory_order_release);
            const Clock::time_point woken = queue.get();
            times.push_back(std::chrono::duration<double, std::nano>(Clock::now() - woken).count());
        }
        waker.join();
        run.report("p50", percentile(times, 0.5), "ns");
    });
}

const bool added = add_workload("wake", &wake_a_worker);

}  // namespace
}  // namespace weft::perf
