#pragma once

#include <vector>

#include "base/posix.hpp"
#include "io/socket_address.hpp"

namespace weft::rt {

struct ListenOptions {
    int backlog = 0;
    int sockets = 1;          ///< how many on the one port
    bool reuse_port = false;  ///< lets others listen on it, too
};

/// Opens listening sockets on one address and port; port 0 becomes the free port that was found.
/// 0 or -errno.
[[nodiscard]] int open_listening_sockets(
    SocketAddress& address, const ListenOptions& options, std::vector<UniqueFd>& sockets
);

}  // namespace weft::rt
