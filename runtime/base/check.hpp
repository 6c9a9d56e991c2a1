#pragma once

namespace weft::rt {

/// Prints what went wrong, where, and in which task, then aborts.
[[noreturn]] void check_failed(
    const char* condition, const char* text, const char* file, int line
) noexcept;

/// Lets a higher floor add the name of the running task to the report. Async-signal-safe.
using DescribeCurrent = void (*)(char* out, unsigned long size);
void set_describe_current(DescribeCurrent describe) noexcept;

}  // namespace weft::rt

/// Stops the program at once when weft itself is wrong. Always on; never for a user's input.
#define WEFT_CHECK(condition, text)                                         \
    do {                                                                    \
        if (!(condition)) [[unlikely]] {                                    \
            ::weft::rt::check_failed(#condition, text, __FILE__, __LINE__); \
        }                                                                   \
    } while (false)
