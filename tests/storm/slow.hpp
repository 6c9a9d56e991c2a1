#pragma once

#include <algorithm>

#include "support/scale.hpp"

namespace weft::storm {

/// To TSan each task is a thread; ASan, where it looks for use after return, maps megabytes anew for
/// most switches. A round is to be short all the same.
inline constexpr bool kSlow = test::kTsan || test::kAsan;

/// Returns how much to do where an unhindered build does `count`.
[[nodiscard]] constexpr int if_slow_less(int count) {
    constexpr int kShare = 20;
    return kSlow ? std::max(count / kShare, 1) : count;
}

}  // namespace weft::storm
