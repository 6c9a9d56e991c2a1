#pragma once

#include <string_view>

namespace weft::rt {

// WEFT_DISABLE, a comma list: the way out where a library or a kernel feature misbehaves, and how tests
// get at what stands behind it. weft runs without any of them:
//
//   process_madvise   one system call guards many stacks       a call for each
//   madvise           a call for each                          as process_madvise, or mprotect
//   guard             both                                     mprotect, for half of vm.max_map_count
//   mprotect          a mapping for each guard                 canaries, if the others are refused, too
//   hugepage          2 MiB at a time for a million of records    pages of 4 KiB
//   membarrier        work is made known by plain stores      an RMW each time
//   hwloc             caches and nodes are known               all CPUs are taken to be alike
//   cgroup            the CPU quota is known                   as many loops as the CPU mask has CPUs

/// What WEFT_DISABLE says; empty if it is not set.
[[nodiscard]] std::string_view disabled_facilities() noexcept;

/// Whether the comma list names the word.
[[nodiscard]] bool lists(std::string_view list, std::string_view word) noexcept;

/// Whether WEFT_DISABLE names the facility, which is one of the above. Asks for no memory.
[[nodiscard]] bool is_disabled(std::string_view facility) noexcept;

/// Says, once a process, which words of WEFT_DISABLE mean nothing, and which would.
void warn_of_unknown_facilities();

}  // namespace weft::rt
