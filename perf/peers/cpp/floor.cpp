#include <cstdint>

#include "peer.hpp"

namespace weft::perf {
namespace {

// Neither memory nor system: how fast the machine is just now.
void calibrate(Run& run) {
    const std::int64_t steps = run.size("steps");
    std::uint64_t x = 1;
    const double time = nanoseconds_of([&] {
        for (std::int64_t i = 0; i < steps; ++i) {
            x = (x * 6364136223846793005U) + 1442695040888963407U;
            asm volatile("" : "+r"(x));
        }
    });
    run.report("time", time / static_cast<double>(steps), "ns");
}

const bool added = add_peer("calibrate", &calibrate);

}  // namespace
}  // namespace weft::perf
