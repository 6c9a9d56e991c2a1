#pragma once

#include <chrono>
#include <cmath>
#include <type_traits>
#include <weft/errors.hpp>

namespace weft {

/// A length of time as functions take it: of any unit, whole or not, `5ms` or `0.5s`. What is longer
/// than 285 years is for ever, and not even a multiple of a nanosecond is ever rounded down.
///
/// Errors    ValueError for a NaN.
/// asyncio   none: a float of seconds
class Delay {
public:
    template <class Rep, class Period>
    Delay(std::chrono::duration<Rep, Period> length)  // NOLINT: is to be given as one
        : nanos_(in_nanos(length)) {}

    [[nodiscard]] std::chrono::nanoseconds nanos() const noexcept { return nanos_; }

private:
    template <class Rep, class Period>
    static std::chrono::nanoseconds in_nanos(std::chrono::duration<Rep, Period> length) {
        constexpr double kMostSeconds = 9e9;
        constexpr std::chrono::nanoseconds kMost = std::chrono::nanoseconds::max();
        const double seconds = std::chrono::duration<double>(length).count();
        if constexpr (std::is_floating_point_v<Rep>) {
            if (std::isnan(seconds)) {
                throw ValueError("a delay is NaN, a number of seconds was expected");
            }
        }
        return seconds > kMostSeconds    ? kMost
               : seconds < -kMostSeconds ? -kMost
                                         : std::chrono::ceil<std::chrono::nanoseconds>(length);
    }

    std::chrono::nanoseconds nanos_;
};

}  // namespace weft
