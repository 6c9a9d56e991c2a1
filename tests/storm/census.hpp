#pragma once

#include <cstddef>
#include <cstdint>

namespace weft::storm {

/// What a round must leave as it found it.
struct Census {
    std::size_t descriptors = 0;
    std::size_t threads = 0;
    std::uint64_t unseen_errors = 0;

    [[nodiscard]] static Census now();
};

/// Finds descriptors, threads, tasks, and errors nobody looked at, that were not there before.
void find_leaks(const Census& before);

}  // namespace weft::storm
