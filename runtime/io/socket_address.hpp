#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

namespace weft::rt {

/// An IPv4 or IPv6 address with its port.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;

    static SocketAddress v4(const in_addr& address, std::uint16_t port) noexcept;
    static SocketAddress v6(
        const in6_addr& address, std::uint16_t port, std::uint32_t scope = 0
    ) noexcept;
    /// What the system fills in: the socket's own address. 0, or -errno and an empty one.
    [[nodiscard]] static int of_socket(int fd, SocketAddress& address) noexcept;

    [[nodiscard]] int family() const noexcept { return storage.ss_family; }
    [[nodiscard]] const sockaddr* get() const noexcept {
        return reinterpret_cast<const sockaddr*>(&storage);
    }
    [[nodiscard]] std::uint16_t port() const noexcept;
    void set_port(std::uint16_t port) noexcept;
    /// "127.0.0.1:80", "[::1]:80"; empty for another family.
    [[nodiscard]] std::string to_string() const;
};

/// What the addresses are for; decides what no host at all means.
enum class AddressUse : std::uint8_t { Connect, Listen };

/// "host:port" as a user would write it.
[[nodiscard]] std::string endpoint_name(const std::string& host, std::uint16_t port);

/// The addresses of a host that needs no look-up: numeric, "localhost", or empty (the machine
/// itself to connect to, all of its addresses to listen on). Empty for every other name.
[[nodiscard]] std::vector<SocketAddress> known_addresses(
    const std::string& host, std::uint16_t port, AddressUse use
);

/// The addresses of any host. Suspends the task while the system looks a name up; a cancellation
/// returns at once and leaves the look-up to end on its own. Throws OsError "`doing`: unknown
/// host".
[[nodiscard]] std::vector<SocketAddress> resolve(
    const std::string& host, std::uint16_t port, AddressUse use, const std::string& doing
);

/// Throws ValueError unless it is a port number.
[[nodiscard]] std::uint16_t checked_port(int port);

}  // namespace weft::rt
