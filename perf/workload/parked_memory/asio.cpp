#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "coroutines.hpp"

namespace weft::perf {
namespace {

Coroutine<void> sleep_long(std::int64_t& parked) {
    net::steady_timer timer(co_await net::this_coro::executor, std::chrono::hours(1));
    ++parked;
    co_await timer.async_wait(net::use_awaitable);
}

void park_tasks(Run& run) {
    const std::int64_t tasks = run.size("tasks");
    with_context(run, [&](net::io_context& context) -> Coroutine<void> {
        std::int64_t parked = 0;
        const double before = resident_bytes();
        for (std::int64_t i = 0; i < tasks; ++i) {
            net::co_spawn(context, sleep_long(parked), net::detached);
        }
        while (parked < tasks) {
            co_await net::post(context, net::use_awaitable);
        }
        const double bytes = (resident_bytes() - before) / static_cast<double>(tasks);
        std::printf("M memory %.3f bytes\n", bytes);
        std::fflush(stdout);
        std::_Exit(0);  // a coroutine cannot be cancelled from outside
    });
}

const bool added = add_peer("parked_memory", &park_tasks);

}  // namespace
}  // namespace weft::perf
