#include <atomic>
#include <boost/fiber/all.hpp>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

#include "fibers.hpp"

namespace weft::perf {
namespace {

namespace bf = boost::fibers;

using Clock = std::chrono::steady_clock;

void wake_a_worker(Run& run) {
    const auto wakes = static_cast<std::size_t>(run.size("wakes"));
    const std::chrono::microseconds pause(run.size("pause_us"));
    with_fibers(run, [&] {
        bf::buffered_channel<Clock::time_point> queue(2);
        std::atomic<bool> waits = false;
        std::thread waker([&] {
            for (std::size_t i = 0; i < wakes; ++i) {
                while (!waits.exchange(false, std::memory_order_acquire)) {
                }
                keep_busy(pause);  // the worker has gone to sleep by then
                queue.push(Clock::now());
            }
        });
        std::vector<double> times;
        for (std::size_t i = 0; i < wakes; ++i) {
            waits.store(true, std::memory_order_release);
            const Clock::time_point woken = queue.value_pop();
            times.push_back(std::chrono::duration<double, std::nano>(Clock::now() - woken).count());
        }
        waker.join();
        run.report("p50", percentile(times, 0.5), "ns");
    });
}

const bool added = add_peer("wake", &wake_a_worker);

}  // namespace
}  // namespace weft::perf
