#pragma once

#include <string>

#include "task/task_state.hpp"

namespace weft::rt {

struct Carrier;

/// "Lock.acquire @0x7f10": a wait as it is written down for a dump.
[[nodiscard]] std::string describe_wait(const char* what, const void* object);

/// A task's line in a dump: name, kind, state, what it waits for, where it was made.
[[nodiscard]] std::string describe_task(const TaskState& task);

/// A line for each task that has not ended, of one runtime or (null) of all.
[[nodiscard]] std::string dump_tasks(const void* runtime);

/// "task 'x' spawned at f.cpp:3", or "a callback": what runs on a loop at this moment. Any thread.
[[nodiscard]] std::string describe_running(const Carrier& carrier);

}  // namespace weft::rt
