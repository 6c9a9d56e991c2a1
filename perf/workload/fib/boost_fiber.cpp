#include <boost/fiber/all.hpp>
#include <cstdint>

#include "fibers.hpp"
#include "support/fork_join.hpp"

namespace weft::perf {
namespace {

namespace bf = boost::fibers;

std::int64_t fib(std::int64_t n) {
    if (n < 2) {
        return n;
    }
    std::int64_t larger = 0;
    bf::fiber fiber = start_fiber([&larger, n] { larger = fib(n - 1); });
    const std::int64_t smaller = fib(n - 2);
    fiber.join();
    return larger + smaller;
}

void fork_and_join(Run& run) {
    with_fibers(run, [&] { measure_fib(run, &fib); });
}

const bool added = add_peer("fib", &fork_and_join);

}  // namespace
}  // namespace weft::perf
