#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace weft::tool {

/// How a process ended.
struct Finished {
    int exit_code = 0;       ///< 128 + the signal's number when one ended it, as shells say it
    bool timed_out = false;  ///< it was killed as it was not done in time
    std::string output;      ///< what it wrote to stdout
};

/// Runs a program with its arguments, without input, and waits for it. Its stderr is ours. It is
/// gone when this returns or throws, and so is what it has started.
///
/// Errors   std::system_error when it cannot be started.
/// Threads  a plain one; blocks.
[[nodiscard]] Finished run_process(
    const std::vector<std::string>& arguments, std::chrono::milliseconds timeout
);

}  // namespace weft::tool
