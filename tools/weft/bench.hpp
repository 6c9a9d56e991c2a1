#pragma once

#include <CLI/CLI.hpp>
#include <stdexcept>

#include "command.hpp"

namespace weft::tool {

/// What was asked for makes no sense here: the tool ends with kMisused.
class Misuse : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// The sub-commands of `weft bench`.
[[nodiscard]] Command add_bench_list(CLI::App& bench);
[[nodiscard]] Command add_bench_run(CLI::App& bench);
[[nodiscard]] Command add_bench_compare(CLI::App& bench);
[[nodiscard]] Command add_bench_sweep(CLI::App& bench);
/// One run, in a process of its own; for the others, and not in --help.
[[nodiscard]] Command add_bench_one(CLI::App& bench);

}  // namespace weft::tool
