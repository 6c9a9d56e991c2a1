#pragma once

#include <string>
#include <string_view>

namespace weft::tool {

/// Writes `text` to stdout at once. A reader that has gone (`weft hash | head`) is no error: then
/// nothing is written any more.
///
/// Returns  false when the system refused; that has been reported.
bool print(std::string_view text);

/// Writes the line "weft COMMAND: TEXT" to stderr, whatever characters the text has.
void complain(std::string_view command, std::string_view text);

/// Writes `text` to stderr as it is, if anybody reads it.
void print_error(std::string_view text);

/// Returns `text` with control characters written as \n or \x1b, so that it stays on its line.
[[nodiscard]] std::string one_line(std::string_view text);

}  // namespace weft::tool
