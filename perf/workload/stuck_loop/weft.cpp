#include <chrono>
#include <cstdint>
#include <vector>
#include <weft/weft.hpp>

#include "support/lateness.hpp"
#include "support/workload.hpp"

namespace weft::perf {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTick(1);

/// Wakes at each tick until `end`; returns how late each was, from `start` on.
std::vector<double> tick(Clock::time_point start, Clock::time_point end) {
    std::vector<double> late;
    for (auto due = Clock::now() + kTick; due < end; due += kTick) {
        if (const auto now = Clock::now(); now < due) {
            sleep(due - now);
        }
        if (due >= start) {
            late.push_back(Millis(Clock::now() - due).count());
        }
    }
    return late;
}

void keep_one_loop(WorkloadRun& run) {
    const std::chrono::milliseconds stuck(run.size("stuck_ms"));
    run.in_runtime([&] {
        const auto start =
            Clock::now() + std::chrono::milliseconds(50);  // they are spread out then
        std::vector<Task<std::vector<double>>> all;
        for (std::int64_t i = 0; i < run.size("tasks"); ++i) {
            all.push_back(spawn([=] { return tick(start, start + stuck); }));
        }
        sleep(start - Clock::now());
        keep_busy(stuck);
        Lateness lateness;
        for (const auto& task : all) {
            lateness.add(await(task));
        }
        run.report("p99", lateness.at(0.99), "ms");
    });
}

const bool added = add_workload("stuck_loop", &keep_one_loop);

}  // namespace
}  // namespace weft::perf
