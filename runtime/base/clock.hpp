#pragma once

#include <cstdint>

namespace weft::rt {

/// Nanoseconds: a duration, or a point of CLOCK_MONOTONIC (the clock of std::chrono::steady_clock).
using Nanos = std::int64_t;

inline constexpr Nanos kNever = INT64_MAX;
/// Where a clock that is not real begins: not at 0, so that what is an hour ago can be told.
inline constexpr Nanos kVirtualStart = 3'600'000'000'000;

/// Reads CLOCK_MONOTONIC (25 to 46 ns: not for the path of a switch).
[[nodiscard]] Nanos monotonic_now() noexcept;

/// Blocks the calling thread, which runs no loop.
void block_thread_for(Nanos length) noexcept;

/// A cheap counter of constant rate, for "has this been going on for long"; no unit.
[[nodiscard]] inline std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    std::uint64_t value = 0;
    asm volatile("mrs %0, cntvct_el0" : "=r"(value));
    return value;
#else
    return static_cast<std::uint64_t>(monotonic_now());
#endif
}

/// How many ticks() pass in a microsecond; measured once, at the first call (about 2 ms).
[[nodiscard]] std::uint64_t ticks_per_microsecond() noexcept;

/// Tells the core that it spins.
inline void cpu_relax() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// Where the runtime takes the time from: the seam through which a test may own it.
class Clock {
public:
    Clock() = default;
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;
    virtual ~Clock() = default;

    [[nodiscard]] virtual Nanos now() noexcept = 0;

    /// The clock of the machine.
    static Clock& real() noexcept;
};

}  // namespace weft::rt
