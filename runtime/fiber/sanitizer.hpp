#pragma once

// What each tool must be told about stacks. Empty in a build without the tool.

#if defined(__SANITIZE_ADDRESS__)
#define WEFT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEFT_ASAN 1
#endif
#endif
#ifndef WEFT_ASAN
#define WEFT_ASAN 0
#endif

// tests/simulate borrows TSan's instrumentation, and is no TSan.
#if defined(WEFT_STEPPED)
#define WEFT_TSAN 0
#elif defined(__SANITIZE_THREAD__)
#define WEFT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEFT_TSAN 1
#endif
#endif
#ifndef WEFT_TSAN
#define WEFT_TSAN 0
#endif

#if __has_include(<valgrind/valgrind.h>)
#define WEFT_VALGRIND 1
#else
#define WEFT_VALGRIND 0
#endif

#if WEFT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#if WEFT_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if WEFT_VALGRIND
#include <valgrind/valgrind.h>
#endif

/// Keeps the tools' entry and exit hooks out of the frame in which the stack changes.
#if defined(__clang__)
#define WEFT_NO_INSTRUMENT __attribute__((disable_sanitizer_instrumentation))
#elif WEFT_TSAN
#define WEFT_NO_INSTRUMENT __attribute__((no_sanitize("thread")))
#elif WEFT_ASAN
#define WEFT_NO_INSTRUMENT __attribute__((no_sanitize("address")))
#else
#define WEFT_NO_INSTRUMENT
#endif

namespace weft::rt {

/// Whether valgrind runs the program. It knows the system calls of its day and complains of others
/// at each use; weft then does without those.
[[nodiscard]] inline bool runs_on_valgrind() noexcept {
#if WEFT_VALGRIND
    return RUNNING_ON_VALGRIND != 0;
#else
    return false;
#endif
}

}  // namespace weft::rt
