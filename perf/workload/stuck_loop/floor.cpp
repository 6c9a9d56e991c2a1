#include <chrono>
#include <thread>
#include <vector>

#include "peer.hpp"

namespace weft::perf {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr std::chrono::milliseconds kTick(1);

// The kernel's timers, for a thread that sleeps beside one that computes.
void sleep_beside(Run& run) {
    const auto start = Clock::now();
    const auto end = start + std::chrono::milliseconds(run.size("stuck_ms"));
    std::thread other([&] { keep_busy(end - start); });
    std::vector<double> late;
    for (auto due = start + kTick; due < end; due += kTick) {
        std::this_thread::sleep_until(due);
        late.push_back(Milliseconds(Clock::now() - due).count());
    }
    other.join();
    run.report("p99", percentile(late, 0.99), "ms");
}

const bool added = add_peer("stuck_loop", &sleep_beside);

}  // namespace
}  // namespace weft::perf
