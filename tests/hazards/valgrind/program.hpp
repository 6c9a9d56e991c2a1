#pragma once

#include <cstdint>
#include <string_view>
#include <weft/runtime.hpp>

// One program for valgrind: what users do, or one fault by name. valgrind_test.py runs it.

namespace weft::test {

/// Suspends, and counts if it goes on on another thread.
void pass();

/// Suspends until it goes on on another thread, which hop mode sees to.
void migrate();

/// How often a task of this process has gone on on another thread.
[[nodiscard]] std::uint64_t migrations() noexcept;

/// Ends the program, with the reason, unless it is so. No exception: those are what is being tested.
void expect(bool so, const char* what);

[[nodiscard]] RuntimeOptions several_loops(bool hop);

/// A bit of all that a program may do with tasks, and checks what comes of it.
void work(bool hop);

/// Commits the fault of that name. False when there is none.
[[nodiscard]] bool plant(std::string_view fault);

}  // namespace weft::test
