#include "io/socket_address.hpp"

#include <arpa/inet.h>
#include <net/if.h>

#include <array>
#include <cstring>
#include <weft/errors.hpp>

#include "base/posix.hpp"

namespace weft::rt {
namespace {

/// Reads "fe80::1%eth0"; false when it is no IPv6 address.
bool parse_v6(const std::string& host, std::uint16_t port, SocketAddress& address) {
    const std::size_t percent = host.find('%');
    in6_addr parsed{};
    if (::inet_pton(AF_INET6, host.substr(0, percent).c_str(), &parsed) != 1) {
        return false;
    }
    const std::uint32_t scope =
        percent == std::string::npos ? 0 : ::if_nametoindex(host.c_str() + percent + 1);
    address = SocketAddress::v6(parsed, port, scope);
    return true;
}

}  // namespace

SocketAddress SocketAddress::v4(const in_addr& address, std::uint16_t port) noexcept {
    sockaddr_in raw{};
    raw.sin_family = AF_INET;
    raw.sin_port = htons(port);
    raw.sin_addr = address;
    SocketAddress made;
    std::memcpy(&made.storage, &raw, sizeof raw);
    made.size = sizeof raw;
    return made;
}

SocketAddress SocketAddress::v6(
    const in6_addr& address, std::uint16_t port, std::uint32_t scope
) noexcept {
    sockaddr_in6 raw{};
    raw.sin6_family = AF_INET6;
    raw.sin6_port = htons(port);
    raw.sin6_addr = address;
    raw.sin6_scope_id = scope;
    SocketAddress made;
    std::memcpy(&made.storage, &raw, sizeof raw);
    made.size = sizeof raw;
    return made;
}

int SocketAddress::of_socket(int fd, SocketAddress& address) noexcept {
    address.size = sizeof address.storage;
    const int result =
        checked(::getsockname, fd, reinterpret_cast<sockaddr*>(&address.storage), &address.size);
    if (result < 0) {
        address = {};
    }
    return result;
}

std::uint16_t SocketAddress::port() const noexcept {
    // The port stands at the same place in both families.
    static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
    in_port_t raw = 0;
    std::memcpy(
        &raw, reinterpret_cast<const char*>(&storage) + offsetof(sockaddr_in, sin_port), sizeof raw
    );
    return ntohs(raw);
}

void SocketAddress::set_port(std::uint16_t port) noexcept {
    const in_port_t raw = htons(port);
    std::memcpy(
        reinterpret_cast<char*>(&storage) + offsetof(sockaddr_in, sin_port), &raw, sizeof raw
    );
}

std::string SocketAddress::to_string() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (family() == AF_INET) {
        sockaddr_in raw{};
        std::memcpy(&raw, &storage, sizeof raw);
        ::inet_ntop(AF_INET, &raw.sin_addr, text.data(), text.size());
    } else if (family() == AF_INET6) {
        sockaddr_in6 raw{};
        std::memcpy(&raw, &storage, sizeof raw);
        ::inet_ntop(AF_INET6, &raw.sin6_addr, text.data(), text.size());
    } else {
        return {};
    }
    return endpoint_name(text.data(), port());
}

std::string endpoint_name(const std::string& host, std::uint16_t port) {
    const bool brackets = host.find(':') != std::string::npos;
    return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::vector<SocketAddress> known_addresses(
    const std::string& host, std::uint16_t port, AddressUse use
) {
    if (host.empty() && use == AddressUse::Listen) {
        return {
            SocketAddress::v4(in_addr{htonl(INADDR_ANY)}, port),
            SocketAddress::v6(in6addr_any, port)};
    }
    if (host.empty() || host == "localhost") {
        return {
            SocketAddress::v4(in_addr{htonl(INADDR_LOOPBACK)}, port),
            SocketAddress::v6(in6addr_loopback, port)};
    }
    in_addr v4{};
    if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) {
        return {SocketAddress::v4(v4, port)};
    }
    SocketAddress v6;
    if (parse_v6(host, port, v6)) {
        return {v6};
    }
    return {};
}

std::uint16_t checked_port(int port) {
    constexpr int kMostPort = 65535;
    if (port < 0 || port > kMostPort) {
        throw ValueError("port " + std::to_string(port) + " is not in 0-65535");
    }
    return static_cast<std::uint16_t>(port);
}

}  // namespace weft::rt
