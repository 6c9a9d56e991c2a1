#pragma once

#include <filesystem>
#include <optional>

namespace weft::rt {

/// Returns how many CPUs' worth of time the CFS bandwidth quota leaves this process, or nothing
/// if it is not limited.
///
/// The kernel enforces every limit on the way from the process's cgroup up to the root, so the
/// answer is the least of all of them, of cgroup v2 (cpu.max) and of v1 (cpu.cfs_quota_us over
/// cpu.cfs_period_us); a hybrid system has both. What lies above a container's own cgroup mount
/// cannot be seen from inside. What cannot be read limits nothing; what cannot be understood
/// is skipped with one warning a call.
///
/// root  where proc/ and the cgroup mounts are looked up: a made-up tree in tests.
[[nodiscard]] std::optional<double> cpu_quota(const std::filesystem::path& root = "/");

}  // namespace weft::rt
