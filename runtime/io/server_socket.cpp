#include "io/server_socket.hpp"

#include <netinet/tcp.h>

#include <utility>

namespace weft::rt {
namespace {

int switch_on(int fd, int level, int option) noexcept {
    const int on = 1;
    return checked(::setsockopt, fd, level, option, &on, socklen_t{sizeof on});
}

/// A socket bound to the address. 0 or -errno.
int open_bound(SocketAddress& address, bool share, UniqueFd& fd) noexcept {
    const int raw =
        checked(::socket, address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (raw < 0) {
        return raw;
    }
    fd = UniqueFd(raw);
    int result = switch_on(raw, SOL_SOCKET, SO_REUSEADDR);
    if (result == 0 && address.family() == AF_INET6) {
        result = switch_on(raw, IPPROTO_IPV6, IPV6_V6ONLY);
    }
    if (result == 0 && share) {
        result = switch_on(raw, SOL_SOCKET, SO_REUSEPORT);
    }
    if (result == 0) {
        result = checked(::bind, raw, address.get(), address.size);
    }
    if (result == 0 && address.port() == 0) {
        SocketAddress bound;
        result = SocketAddress::of_socket(raw, bound);
        address.set_port(bound.port());
    }
    // Accepted sockets inherit it, which saves a system call for each.
    static_cast<void>(switch_on(raw, IPPROTO_TCP, TCP_NODELAY));
    return result;
}

}  // namespace

int open_listening_sockets(
    SocketAddress& address, const ListenOptions& options, std::vector<UniqueFd>& sockets
) {
    for (int i = 0; i < options.sockets; ++i) {
        UniqueFd fd;
        // The first socket is bound without SO_REUSEPORT, so that a port on which somebody else
        // listens, with that option or without, counts as taken; the others may then join it.
        int result = open_bound(address, options.reuse_port || i > 0, fd);
        if (result == 0 && i == 0 && options.sockets > 1) {
            result = switch_on(fd.get(), SOL_SOCKET, SO_REUSEPORT);
        }
        if (result == 0) {
            result = checked(::listen, fd.get(), options.backlog);
        }
        if (result != 0) {
            return result;
        }
        sockets.push_back(std::move(fd));
    }
    return 0;
}

}  // namespace weft::rt
