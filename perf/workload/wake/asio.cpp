#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

#include "coroutines.hpp"

namespace weft::perf {
namespace {

using Clock = std::chrono::steady_clock;

void wake_a_worker(Run& run) {
    const auto wakes = static_cast<std::size_t>(run.size("wakes"));
    const std::chrono::microseconds pause(run.size("pause_us"));
    net::io_context context(1);
    const auto open = net::make_work_guard(context);
    std::atomic<bool> waits = true;
    std::vector<double> times;
    std::thread waker([&] {
        for (std::size_t i = 0; i < wakes; ++i) {
            while (!waits.exchange(false, std::memory_order_acquire)) {
            }
            keep_busy(pause);  // the worker has gone to sleep by then
            net::post(context, [&, woken = Clock::now()] {
                const std::chrono::duration<double, std::nano> time = Clock::now() - woken;
                times.push_back(time.count());
                waits.store(true, std::memory_order_release);
            });
        }
        net::post(context, [&] { context.stop(); });
    });
    context.run();
    waker.join();
    run.report("p50", percentile(times, 0.5), "ns");
}

const bool added = add_peer("wake", &wake_a_worker);

}  // namespace
}  // namespace weft::perf
