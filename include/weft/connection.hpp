#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <weft/stream.hpp>

namespace weft {

/// What can be chosen about a connection.
struct ConnectionOptions {
    /// How many bytes a reader looks for a separator in.
    std::size_t limit = kDefaultStreamLimit;
};

/// Connects to a TCP server, trying all addresses of `host` in turn. Empty: this machine.
///
/// Suspends      while the name is looked up and until a server has answered.
/// Cancellation  safe: nothing stays open. A look-up goes on by itself and is dropped.
/// Errors        OsError that names host, port and what failed; CancelledError; RuntimeError
/// outside
///               of a task; ValueError for a port or a limit that cannot be.
/// Threads       any loop; the connection belongs to its runtime.
/// asyncio       open_connection
[[nodiscard]] std::pair<StreamReader, StreamWriter> open_connection(
    const std::string& host, int port, ConnectionOptions options = {}
);

}  // namespace weft
