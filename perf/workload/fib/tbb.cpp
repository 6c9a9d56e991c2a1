#include <tbb/task_group.h>

#include <cstdint>

#include "peer.hpp"
#include "support/fork_join.hpp"
#include "workers.hpp"

namespace weft::perf {
namespace {

std::int64_t fib(std::int64_t n) {
    if (n < 2) {
        return n;
    }
    std::int64_t larger = 0;
    tbb::task_group group;
    group.run([&larger, n] { larger = fib(n - 1); });
    const std::int64_t smaller = fib(n - 2);
    group.wait();
    return larger + smaller;
}

void fork_and_join(Run& run) {
    with_workers(run, [&] { measure_fib(run, &fib); });
}

const bool added = add_peer("fib", &fork_and_join);

}  // namespace
}  // namespace weft::perf
