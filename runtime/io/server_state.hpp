#pragma once

#include <memory>
#include <string>
#include <vector>
#include <weft/server.hpp>

#include "base/spin_lock.hpp"
#include "io/connection_count.hpp"
#include "io/shared_descriptor.hpp"
#include "io/socket_address.hpp"

namespace weft::detail {

class StreamState;

/// A server: its listening sockets, each with a task that accepts on the socket's loop. The tasks
/// keep it alive.
class ServerState : public std::enable_shared_from_this<ServerState> {
public:
    ServerState(ConnectionHandler handler, const ServerOptions& options);
    ServerState(const ServerState&) = delete;
    ServerState& operator=(const ServerState&) = delete;
    ~ServerState();

    /// Listens on all of `addresses` and begins to accept; all or nothing. Once.
    void start(std::vector<rt::SocketAddress> addresses, const std::string& doing);

    void close();
    [[nodiscard]] int port() const noexcept { return port_; }
    [[nodiscard]] rt::ConnectionCount& count() const noexcept { return *count_; }

private:
    /// A listening socket.
    struct Listener {
        explicit Listener(rt::Home home) noexcept : descriptor(home) {}

        rt::SpinLock lock;
        rt::SharedDescriptor descriptor;  // with the lock, as it says
        rt::SocketAddress address;
    };
    class Acceptor;

    void listen_on(const rt::SocketAddress& address, const std::string& doing);
    void add_listener(
        rt::Worker& worker,
        rt::UniqueFd& fd,
        const rt::SocketAddress& address,
        const std::string& doing
    );
    void accept_on(Listener& listener);
    [[nodiscard]] bool pause_accepting(std::uint64_t ended);
    [[nodiscard]] int accept_one(Listener& listener);
    [[nodiscard]] int greet(Listener& listener, rt::UniqueFd fd, const rt::SocketAddress& peer);
    void handle(std::shared_ptr<StreamState> connection) const;
    static void close_listener(Listener& listener) noexcept;
    void acceptor_ended(Listener& listener) noexcept;

    const ConnectionHandler handler_;
    const ServerOptions options_;
    const std::shared_ptr<rt::ConnectionCount> count_;
    std::vector<std::unique_ptr<Listener>> listeners_;  // fixed after start
    rt::Atomic<std::size_t> accepting_{0};
    int port_ = 0;
};

}  // namespace weft::detail
