#pragma once

#include <cstddef>
#include <string>

namespace weft::storm {

/// What went wrong: kept and printed as it comes, by whoever sees it.
///
/// Threads   any.
void find(const std::string& what);

/// How many there were so far.
[[nodiscard]] std::size_t findings() noexcept;

/// What weft logs is a finding, too: it says something only where it had to give something up.
void find_what_is_logged();

}  // namespace weft::storm
