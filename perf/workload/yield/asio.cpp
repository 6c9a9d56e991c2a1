#include <cstdint>

#include "coroutines.hpp"

namespace weft::perf {
namespace {

Coroutine<void> yield_each(std::int64_t yields) {
    const auto executor = co_await net::this_coro::executor;
    for (std::int64_t i = 0; i < yields; ++i) {
        co_await net::post(executor, net::use_awaitable);
    }
}

void yield_tasks(Run& run) {
    const std::int64_t each = run.size("yields") / run.size("tasks");
    const auto round = [&](std::int64_t yields) {
        net::io_context context(1);
        for (std::int64_t i = 0; i < run.size("tasks"); ++i) {
            net::co_spawn(context, yield_each(yields), net::detached);
        }
        context.run();
    };
    round(1 + each / 10);
    const double time = nanoseconds_of([&] { round(each); });
    run.report("time", time / static_cast<double>(run.size("yields")), "ns");
}

const bool added = add_peer("yield", &yield_tasks);

}  // namespace
}  // namespace weft::perf
