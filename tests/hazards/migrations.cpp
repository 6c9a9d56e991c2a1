// Moves tasks between threads a million times and counts what is wrong afterwards. Prints
//
//     migrations N wrong tls=0 errno=0 exceptions=0 float=0
//
// and what code gets wrong that does as one does with threads. Built with several optimization
// levels, as each hazard is one of optimization: see CMakeLists.txt.

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "hazards/walk.hpp"

int main(int argc, char** argv) {
    using namespace weft::test;
    const std::uint64_t wanted = argc > 1 ? std::strtoull(argv[1], nullptr, 0) : 1'000'000;
    const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 0) : 1;
    Findings found = walk(2, true, {.migrations = wanted / 2}, seed);
    found += walk(4, true, {.migrations = wanted / 2}, seed + 1);
    std::printf(
        "migrations %" PRIu64 " wrong tls=%" PRIu64 " errno=%" PRIu64 " exceptions=%" PRIu64
        " float=%" PRIu64 "\n",
        found.migrations,
        found.tls,
        found.error_number,
        found.exceptions,
        found.rounding
    );
    std::printf(
        "naive code: tls=%" PRIu64 " errno=%" PRIu64 "\n", found.naive_tls, found.naive_error_number
    );
#ifdef __OPTIMIZE__
    const bool hazards_are_there = found.naive_tls > 0 && found.naive_error_number > 0;
#else
    const bool hazards_are_there = true;
#endif
    return found.wrong() == 0 && found.migrations >= wanted && hazards_are_there ? EXIT_SUCCESS
                                                                                 : EXIT_FAILURE;
}
