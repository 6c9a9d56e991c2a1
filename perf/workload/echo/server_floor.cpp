// The floor under an echo server: one thread, one epoll set, recv and send, nothing else.
//
//     echo_server_floor PORT
//
// Listens on 127.0.0.1:PORT (0: the kernel chooses), prints "listening on 127.0.0.1:PORT" when ready,
// and serves until it is killed. compare.py measures `weft echo` against it.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

int listen_on(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr generic{};
    std::memcpy(&generic, &address, sizeof(address));
    if (fd < 0 || ::bind(fd, &generic, sizeof(generic)) != 0 || ::listen(fd, SOMAXCONN) != 0) {
        std::perror("echo_server_floor");
        std::exit(EXIT_FAILURE);
    }
    socklen_t size = sizeof(generic);
    ::getsockname(fd, &generic, &size);
    std::memcpy(&address, &generic, sizeof(address));
    std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    return fd;
}

void watch(int epoll, int fd) {
    epoll_event event{};
    event.events = EPOLLIN;  // level-triggered: no second recv to hear EAGAIN
    event.data.fd = fd;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

void echo(int fd) {
    std::array<char, 4096> bytes;  // NOLINT: filled by recv
    const ssize_t count = ::recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count <= 0) {
        ::close(fd);
        return;
    }
    static_cast<void>(::send(fd, bytes.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: echo_server_floor PORT\n", stderr);
        return 2;
    }
    const int listener = listen_on(static_cast<std::uint16_t>(std::atoi(argv[1])));
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    watch(epoll, listener);
    std::array<epoll_event, 256> events;  // NOLINT: filled by the kernel
    for (;;) {
        const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < count; ++i) {
            const int fd = events.at(static_cast<std::size_t>(i)).data.fd;
            if (fd != listener) {
                echo(fd);
                continue;
            }
            const int accepted = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
            if (accepted >= 0) {
                const int on = 1;
                ::setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
                watch(epoll, accepted);
            }
        }
    }
}
