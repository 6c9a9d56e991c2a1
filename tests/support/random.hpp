#pragma once

#include <cstdint>
#include <random>

namespace weft::test {

/// The seed of this run: WEFT_TEST_SEED, else a new one; main() prints it.
[[nodiscard]] std::uint64_t seed();

/// Returns an engine that depends on the seed, the name of the running test and `stream` only, so
/// that a test repeats itself alone as it went in company. Each thread takes a stream of its own.
[[nodiscard]] std::mt19937_64 random_engine(std::uint64_t stream = 0);

}  // namespace weft::test
