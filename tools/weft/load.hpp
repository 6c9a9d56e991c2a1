#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace weft::tool {

/// What `weft load` does: `connections` to 127.0.0.1:`port`, each of which sends `bytes`, waits for
/// the echo and begins again.
struct LoadOptions {
    int port = 0;
    int connections = 64;
    std::size_t bytes = 64;
    double seconds = 5;
};

/// What came of it.
struct LoadResult {
    std::uint64_t requests = 0;  ///< echoes that were right
    std::uint64_t errors = 0;    ///< connections that ended early, wrong or missing echoes
    std::string first_error;
    double seconds = 0;
    double p50_us = 0;
    double p99_us = 0;
    double max_us = 0;
};

/// Loads an echo server by plain epoll on this thread, with nothing of weft: an independent peer.
///
/// Errors  std::system_error when the machine refuses sockets or connections.
[[nodiscard]] LoadResult run_load(const LoadOptions& options);

}  // namespace weft::tool
