#pragma once

#include <string>

namespace weft::rt {

/// Says where a call returns to: "function(int) (program+0x1c2a)", without the first part where the
/// program does not export the name. The offset is one that addr2line understands.
[[nodiscard]] std::string symbol_of(void* return_address);

}  // namespace weft::rt
