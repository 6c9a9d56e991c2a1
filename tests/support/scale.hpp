#pragma once

#include <algorithm>
#include <cstddef>

namespace weft::test {

#if defined(__SANITIZE_THREAD__)
inline constexpr bool kTsan = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool kTsan = true;
#else
inline constexpr bool kTsan = false;
#endif
#else
inline constexpr bool kTsan = false;
#endif

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kAsan = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kAsan = true;
#else
inline constexpr bool kAsan = false;
#endif
#else
inline constexpr bool kAsan = false;
#endif

/// Whether this preset is the one that tries many runs: see WEFT_TEST_LONG.
#if defined(WEFT_TEST_LONG)
inline constexpr bool kLong = true;
#else
inline constexpr bool kLong = false;
#endif

/// Returns how many rounds to do where an unhindered build does `rounds`.
[[nodiscard]] constexpr int scaled(int rounds) {
    constexpr int kTsanShare = 20;
    constexpr int kAsanShare = 40;
    return std::max(rounds / (kTsan ? kTsanShare : kAsan ? kAsanShare : 1), 1);
}

/// Returns how many tasks may be alive at once: to TSan each is a thread, of 0.9 MB, and ASan gives each a
/// second stack.
[[nodiscard]] constexpr int scaled_tasks(int tasks) {
    constexpr int kTsanMost = 100;
    constexpr int kAsanMost = 1'000;
    return kTsan ? std::min(tasks, kTsanMost) : kAsan ? std::min(tasks, kAsanMost) : tasks;
}

}  // namespace weft::test
