#include <cstdint>

#include "peer.hpp"
#include "support/fork_join.hpp"

namespace weft::perf {
namespace {

// Plain calls.
[[gnu::noinline]] std::int64_t fib(std::int64_t n) {
    if (n < 2) {
        return n;
    }
    std::int64_t larger = fib(n - 1);
    asm volatile("" : "+r"(larger));  // or the compiler would make loops of it
    return larger + fib(n - 2);
}

void call(Run& run) {
    measure_fib(run, &fib);
}

const bool added = add_peer("fib", &call);

}  // namespace
}  // namespace weft::perf
