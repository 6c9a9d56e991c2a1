#include <chrono>
#include <cstddef>
#include <random>
#include <vector>

#include "coroutines.hpp"

namespace weft::perf {
namespace {

void make_and_cancel_timers(Run& run) {
    const auto count = static_cast<std::size_t>(run.size("timers"));
    std::mt19937 random(1);
    std::uniform_int_distribution<int> milliseconds(0, 3'600'000);
    std::vector<std::chrono::milliseconds> delays(count);
    for (auto& delay : delays) {
        delay = std::chrono::hours(1) + std::chrono::milliseconds(milliseconds(random));
    }
    net::io_context context(1);
    std::vector<net::steady_timer> timers;
    timers.reserve(count);
    const auto create = [&] {
        for (std::size_t i = 0; i < count; ++i) {
            timers.emplace_back(context, delays[i]).async_wait([](boost::system::error_code) {});
        }
    };
    // Each is told that it was cancelled.
    const auto cancel = [&] {
        timers.clear();
        context.run();
    };
    create();
    cancel();
    context.restart();
    run.report("create", nanoseconds_of(create) / static_cast<double>(count), "ns");
    run.report("cancel", nanoseconds_of(cancel) / static_cast<double>(count), "ns");
}

const bool added = add_peer("timers", &make_and_cancel_timers);

}  // namespace
}  // namespace weft::perf
