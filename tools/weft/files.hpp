#pragma once

#include <filesystem>
#include <string>

namespace weft::tool {

/// Replaces what the file holds.
///
/// Errors    std::system_error, naming it.
void write_file(const std::filesystem::path& path, const std::string& text);

/// Returns all of it.
///
/// Errors    std::system_error, naming it.
[[nodiscard]] std::string read_file(const std::filesystem::path& path);

}  // namespace weft::tool
