#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weft::tool {

/// Numbers of workers, ascending, each once.
using WorkerList = std::vector<int>;

/// Reads "4", "1..4", "1,2,4", "1..4,8", where N stands for `cpus`.
///
/// Errors    std::invalid_argument, naming the text and what was expected.
[[nodiscard]] WorkerList parse_worker_list(std::string_view text, int cpus);

/// "1..4, 8".
[[nodiscard]] std::string format_worker_list(const WorkerList& workers);

}  // namespace weft::tool
