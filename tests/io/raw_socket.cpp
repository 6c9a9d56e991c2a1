#include "io/raw_socket.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <utility>

#include "io/socket_address.hpp"

namespace weft::test {
namespace {

rt::SocketAddress loopback(int port) {
    return rt::SocketAddress::v4(in_addr{htonl(INADDR_LOOPBACK)}, static_cast<std::uint16_t>(port));
}

RawSocket open_socket() {
    return RawSocket(rt::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
}

}  // namespace

RawSocket RawSocket::connect(int port, int buffer) {
    RawSocket socket = open_socket();
    if (buffer > 0) {
        ::setsockopt(socket.fd(), SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
        ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    }
    const rt::SocketAddress address = loopback(port);
    EXPECT_EQ(::connect(socket.fd(), address.get(), address.size), 0);
    return socket;
}

RawSocket RawSocket::listen(int backlog) {
    RawSocket socket = open_socket();
    const rt::SocketAddress address = loopback(0);
    EXPECT_EQ(::bind(socket.fd(), address.get(), address.size), 0);
    EXPECT_EQ(::listen(socket.fd(), backlog), 0);
    return socket;
}

int RawSocket::port() const {
    rt::SocketAddress address;
    static_cast<void>(rt::SocketAddress::of_socket(fd(), address));
    return address.port();
}

RawSocket RawSocket::accept() const {
    return RawSocket(rt::UniqueFd(::accept4(fd(), nullptr, nullptr, SOCK_CLOEXEC)));
}

void RawSocket::send(std::string_view bytes) const {
    while (!bytes.empty()) {
        const ssize_t count = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count <= 0) {
            return;
        }
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
}

std::string RawSocket::receive(std::size_t count) const {
    std::string bytes(count, '\0');
    const ssize_t got = ::recv(fd(), bytes.data(), count, 0);
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
}

std::string RawSocket::receive_all() const {
    std::string all;
    for (;;) {
        const std::string part = receive(64 * 1024);
        if (part.empty()) {
            return all;
        }
        all += part;
    }
}

std::string RawSocket::receive_exactly(std::size_t count) const {
    std::string all;
    while (all.size() < count) {
        const std::string part = receive(count - all.size());
        if (part.empty()) {
            break;
        }
        all += part;
    }
    return all;
}

void RawSocket::shut_down_sending() const {
    ::shutdown(fd(), SHUT_WR);
}

void RawSocket::reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
}

int unread_bytes(int fd) {
    int count = 0;
    EXPECT_EQ(::ioctl(fd, FIONREAD, &count), 0);
    return count;
}

std::string pattern(std::size_t size) {
    std::string bytes(size, '\0');
    std::uint32_t state = 12345;
    for (char& byte : bytes) {
        state = state * 1664525U + 1013904223U;
        byte = static_cast<char>(state >> 24);
    }
    return bytes;
}

PythonResult run_python(const std::string& program, const std::string& arguments) {
    const std::string command =
        "timeout 60 python3 - " + arguments + " 2>&1 <<'PROGRAM'\n" + program + "\nPROGRAM\n";
    std::FILE* const pipe = ::popen(command.c_str(), "re");
    if (pipe == nullptr) {
        return {-1, "popen failed"};
    }
    std::string output;
    std::array<char, 4096> part{};
    while (const std::size_t count = std::fread(part.data(), 1, part.size(), pipe)) {
        output.append(part.data(), count);
    }
    const int status = ::pclose(pipe);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
}

}  // namespace weft::test
