#include <cstddef>
#include <cstdint>

#include "peer.hpp"
#include "support/fork_join.hpp"

namespace weft::perf {
namespace {

// Plain calls.
[[gnu::noinline]] std::int64_t sum(std::int64_t first, std::int64_t leaves) {
    if (leaves == 1) {
        return first;
    }
    const std::int64_t each = leaves / static_cast<std::int64_t>(kChildren);
    std::int64_t total = 0;
    for (std::size_t i = 0; i < kChildren; ++i) {
        total += sum(first, each);
        first += each;
    }
    return total;
}

void call(Run& run) {
    measure_skynet(run, &sum);
}

const bool added = add_peer("skynet", &call);

}  // namespace
}  // namespace weft::perf
