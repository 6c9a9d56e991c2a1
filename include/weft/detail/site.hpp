#pragma once

#include <cstdint>

namespace weft::detail {

/// A place in the source: where a task was made. std::source_location, which clang 14 has not got.
struct Site {
    const char* file;
    std::uint32_t line;

    /// Explicit: braces where options may stand are options.
    constexpr explicit Site(const char* its_file, std::uint32_t its_line) noexcept
        : file(its_file), line(its_line) {}
    static constexpr Site current(
        const char* file = __builtin_FILE(), std::uint32_t line = __builtin_LINE()
    ) noexcept {
        return Site(file, line);
    }
};

}  // namespace weft::detail
