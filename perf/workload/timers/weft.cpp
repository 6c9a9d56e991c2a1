#include <chrono>
#include <cstddef>
#include <random>
#include <vector>
#include <weft/weft.hpp>

#include "support/workload.hpp"

namespace weft::perf {
namespace {

void make_and_cancel_timers(WorkloadRun& run) {
    const auto timers = static_cast<std::size_t>(run.size("timers"));
    run.in_runtime([&] {
        Loop& loop = get_running_loop();
        std::mt19937 random(1);
        std::uniform_int_distribution<int> milliseconds(0, 3'600'000);
        std::vector<std::chrono::milliseconds> delays(timers);
        for (auto& delay : delays) {
            delay = std::chrono::hours(1) + std::chrono::milliseconds(milliseconds(random));
        }
        std::vector<TimerHandle> handles(timers);
        const auto create = [&] {
            for (std::size_t i = 0; i < timers; ++i) {
                handles[i] = loop.call_later(delays[i], [] {});
            }
            yield();  // what it puts off for a turn is a part of it
        };
        const auto cancel = [&] {
            for (TimerHandle& handle : handles) {
                handle.cancel();
            }
            yield();
        };
        create();
        cancel();
        run.report("create", nanoseconds_of(create) / static_cast<double>(timers), "ns");
        run.report("cancel", nanoseconds_of(cancel) / static_cast<double>(timers), "ns");
    });
}

const bool added = add_workload("timers", &make_and_cancel_timers);

}  // namespace
}  // namespace weft::perf
