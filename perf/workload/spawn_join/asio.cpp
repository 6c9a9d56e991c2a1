#include <chrono>
#include <cstdint>

#include "coroutines.hpp"

namespace weft::perf {
namespace {

Coroutine<void> nothing() {
    co_return;
}

Coroutine<void> spawn_each(std::int64_t tasks) {
    const auto executor = co_await net::this_coro::executor;
    for (std::int64_t i = 0; i < tasks; ++i) {
        co_await net::co_spawn(executor, nothing(), net::use_awaitable);
    }
}

void spawn_and_join(Run& run) {
    const std::int64_t tasks = run.size("tasks");
    with_context(run, [&](net::io_context& context) -> Coroutine<void> {
        (void)context;
        co_await spawn_each(tasks / 10);
        const auto start = std::chrono::steady_clock::now();
        co_await spawn_each(tasks);
        const std::chrono::duration<double, std::nano> time =
            std::chrono::steady_clock::now() - start;
        run.report("time", time.count() / static_cast<double>(tasks), "ns");
    });
}

const bool added = add_peer("spawn_join", &spawn_and_join);

}  // namespace
}  // namespace weft::perf
