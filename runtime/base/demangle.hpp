#pragma once

#include <string>

namespace weft::rt {

/// Returns a mangled C++ name as it was written in the source, and any other name as it is.
[[nodiscard]] std::string demangled(const char* name);

}  // namespace weft::rt
