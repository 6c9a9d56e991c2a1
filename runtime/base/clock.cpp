#include "base/clock.hpp"

#include <time.h>

#include <cerrno>

namespace weft::rt {
namespace {

constexpr Nanos kNanosPerSecond = 1'000'000'000;
constexpr Nanos kCalibration = 2'000'000;

std::uint64_t calibrate() noexcept {
    const Nanos start = monotonic_now();
    const std::uint64_t first = ticks();
    Nanos elapsed = 0;
    do {
        cpu_relax();
        elapsed = monotonic_now() - start;
    } while (elapsed < kCalibration);
    const std::uint64_t rate = (ticks() - first) * 1000 / static_cast<std::uint64_t>(elapsed);
    return rate > 0 ? rate : 1;
}

class RealClock final : public Clock {
public:
    [[nodiscard]] Nanos now() noexcept override { return monotonic_now(); }
};

}  // namespace

Nanos monotonic_now() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<Nanos>(now.tv_sec) * kNanosPerSecond + now.tv_nsec;
}

void block_thread_for(Nanos length) noexcept {
    const Nanos until = monotonic_now() + length;
    const timespec when{until / kNanosPerSecond, until % kNanosPerSecond};
    // Gives its error back, and not by errno (R2).
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, nullptr) == EINTR) {
    }
}

std::uint64_t ticks_per_microsecond() noexcept {
    static const std::uint64_t rate = calibrate();
    return rate;
}

Clock& Clock::real() noexcept {
    static RealClock clock;
    return clock;
}

}  // namespace weft::rt
