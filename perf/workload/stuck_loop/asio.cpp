#include <chrono>
#include <cstdint>
#include <mutex>
#include <vector>

#include "coroutines.hpp"

namespace weft::perf {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr std::chrono::milliseconds kTick(1);

struct Late {
    std::mutex mutex;
    std::vector<double> times;
};

/// Wakes at each tick until `end`, and notes how late each was, from `start` on.
Coroutine<void> tick(Clock::time_point start, Clock::time_point end, Late& late) {
    net::steady_timer timer(co_await net::this_coro::executor);
    std::vector<double> own;
    for (auto due = Clock::now() + kTick; due < end; due += kTick) {
        timer.expires_at(due);
        co_await timer.async_wait(net::use_awaitable);
        if (due >= start) {
            own.push_back(Milliseconds(Clock::now() - due).count());
        }
    }
    const std::scoped_lock held(late.mutex);
    late.times.insert(late.times.end(), own.begin(), own.end());
}

void keep_one_worker(Run& run) {
    const std::chrono::milliseconds stuck(run.size("stuck_ms"));
    Late late;
    with_context(run, [&](net::io_context& context) -> Coroutine<void> {
        const auto start = Clock::now() + std::chrono::milliseconds(50);
        for (std::int64_t i = 0; i < run.size("tasks"); ++i) {
            net::co_spawn(context, tick(start, start + stuck, late), net::detached);
        }
        net::steady_timer timer(context, start);
        co_await timer.async_wait(net::use_awaitable);
        keep_busy(stuck);
    });
    run.report("p99", percentile(late.times, 0.99), "ms");
}

const bool added = add_peer("stuck_loop", &keep_one_worker);

}  // namespace
}  // namespace weft::perf
