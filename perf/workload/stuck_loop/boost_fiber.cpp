#include <boost/fiber/all.hpp>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <vector>

#include "fibers.hpp"

namespace weft::perf {
namespace {

namespace bf = boost::fibers;

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr std::chrono::milliseconds kTick(1);

/// Wakes at each tick until `end`; returns how late each was, from `start` on.
std::vector<double> tick(Clock::time_point start, Clock::time_point end) {
    std::vector<double> late;
    for (auto due = Clock::now() + kTick; due < end; due += kTick) {
        boost::this_fiber::sleep_until(due);
        if (due >= start) {
            late.push_back(Milliseconds(Clock::now() - due).count());
        }
    }
    return late;
}

void keep_one_worker(Run& run) {
    const std::chrono::milliseconds stuck(run.size("stuck_ms"));
    with_fibers(run, [&] {
        const auto start =
            Clock::now() + std::chrono::milliseconds(50);  // they are spread out then
        std::mutex mutex;
        std::vector<double> late;
        std::vector<bf::fiber> all;
        for (std::int64_t i = 0; i < run.size("tasks"); ++i) {
            all.push_back(start_fiber([&, start] {
                const std::vector<double> own = tick(start, start + stuck);
                const std::scoped_lock held(mutex);
                late.insert(late.end(), own.begin(), own.end());
            }));
        }
        boost::this_fiber::sleep_until(start);
        keep_busy(stuck);
        for (bf::fiber& fiber : all) {
            fiber.join();
        }
        run.report("p99", percentile(late, 0.99), "ms");
    });
}

const bool added = add_peer("stuck_loop", &keep_one_worker);

}  // namespace
}  // namespace weft::perf
