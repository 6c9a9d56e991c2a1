#pragma once

#include <string>

#include "echo_server.hpp"
#include "json.hpp"

namespace weft::tool {

// The parts of `weft demo`. Each returns its part of report.json, in which "ok" says whether every
// answer was right, and has a function that shows this part as a table.

/// Runs an echo server on every loop and `weft load` against it.
[[nodiscard]] Json demo_serve(HandlerKind kind, double seconds);
[[nodiscard]] std::string serve_table(const Json& runs);

/// Hashes a tree at 1..N workers and compares each listing with sha256sum's.
[[nodiscard]] Json demo_hash(const std::string& directory);
[[nodiscard]] std::string hash_table(const Json& part);

}  // namespace weft::tool
