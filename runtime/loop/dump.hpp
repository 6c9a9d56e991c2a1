#pragma once

#include <string>

namespace weft::rt {

struct Carrier;

/// A line for each task that has not ended, of one runtime or (null) of all.
[[nodiscard]] std::string dump_tasks(const void* runtime);

/// "task 'x' spawned at f.cpp:3", or "a callback": what runs on a loop at this moment. Any thread.
[[nodiscard]] std::string describe_running(const Carrier& carrier);

}  // namespace weft::rt
