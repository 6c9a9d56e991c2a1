#pragma once

#include <string>

namespace weft::rt {

/// A line for each task that has not ended, of one runtime or (null) of all.
[[nodiscard]] std::string dump_tasks(const void* runtime);

}  // namespace weft::rt
