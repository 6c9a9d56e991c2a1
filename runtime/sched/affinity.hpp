#pragma once

#include <sched.h>

#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace weft::rt {

/// CPUs by the number the kernel gives them, ascending, each once.
using CpuList = std::vector<int>;

/// CPUs that the calling thread may run on; nothing if the kernel will not say (seccomp).
/// A new thread inherits this mask, so weft never binds a thread outside of it.
[[nodiscard]] std::optional<CpuList> thread_affinity();

/// Binds the calling thread. The list must not be empty.
[[nodiscard]] std::error_code set_thread_affinity(const CpuList& cpus);

/// Reads a list as taskset and cgroups write it: "0-3,6". Nothing if it is not one, or is empty.
[[nodiscard]] std::optional<CpuList> parse_cpu_list(std::string_view text);

/// Writes a list in that form.
[[nodiscard]] std::string format_cpu_list(const CpuList& cpus);

/// Gives the calling thread the mask back that it had when this was made.
///
/// For a thread that weft borrows: run() turns its caller into worker 0 and must return it as it
/// came. To be destroyed on the thread that made it.
class SavedAffinity {
public:
    SavedAffinity();
    SavedAffinity(const SavedAffinity&) = delete;
    SavedAffinity& operator=(const SavedAffinity&) = delete;
    ~SavedAffinity();

private:
    // As the kernel gave it, so that giving it back asks for no memory; empty if it did not.
    std::vector<cpu_set_t> mask_;
};

}  // namespace weft::rt
