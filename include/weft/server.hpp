#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <weft/stream.hpp>

namespace weft {

namespace detail {
class ServerState;
}

/// Where the handlers of a server run.
enum class HandlerKind : std::uint8_t {
    Pinned,     ///< each on the loop that accepted its connection
    Stealable,  ///< on any loop of the runtime, and on another after each suspension
};

/// What can be chosen about a server.
struct ServerOptions {
    HandlerKind kind = HandlerKind::Pinned;
    /// Accepts on every loop of the runtime, each with a socket of its own between which the kernel
    /// shares the connections out; else only on the loop that called start_server().
    bool on_every_loop = false;
    /// How many connections may wait to be accepted.
    int backlog = 100;
    /// Lets other processes listen on the same port, too.
    bool reuse_port = false;
    /// How many bytes a reader looks for a separator in.
    std::size_t limit = kDefaultStreamLimit;
};

/// A handle of a server that listens. The server goes on when the last handle is gone, until its
/// runtime ends.
///
/// Threads   any; what waits, in a task.
/// asyncio   Server
class Server {
public:
    /// Returns the port it listens on: the one that was asked for, or the free one that was found.
    ///
    /// asyncio   Server.sockets
    [[nodiscard]] int port() const noexcept;

    /// Returns whether it accepts connections.
    ///
    /// asyncio   Server.is_serving
    [[nodiscard]] bool is_serving() const noexcept;

    /// Returns how many of its connections are open.
    [[nodiscard]] std::size_t connections() const noexcept;

    /// Stops accepting. Connections go on. Again: nothing.
    ///
    /// Suspends  never.
    /// Threads   any.
    /// asyncio   Server.close
    void close() const;

    /// Waits until it is closed and its last connection, too.
    ///
    /// Suspends      until then.
    /// Cancellation  safe.
    /// Errors        CancelledError.
    /// asyncio       Server.wait_closed
    void wait_closed() const;

    /// Waits until somebody closes it; a cancellation closes it.
    ///
    /// Suspends      until then.
    /// Errors        CancelledError when the waiting task is cancelled. After close() it returns,
    /// where
    ///               asyncio's raises CancelledError.
    /// asyncio       Server.serve_forever
    void serve_forever() const;

    /// For weft's own code.
    explicit Server(std::shared_ptr<detail::ServerState> state) noexcept;

private:
    std::shared_ptr<detail::ServerState> state_;
};

namespace detail {
using ConnectionHandler = std::function<void(StreamReader, StreamWriter)>;
[[nodiscard]] Server start_server(
    ConnectionHandler handler, const std::string& host, int port, const ServerOptions& options
);
}  // namespace detail

/// Listens for TCP connections and runs `handler(reader, writer)` as a task for each. An empty host
/// stands for all addresses of the machine, port 0 for a free port.
///
/// There is one handler for all connections: with stealable tasks, or on every loop, it is called
/// in parallel. What it throws is logged with the peer's address, and the connection is closed;
/// else the connection is closed when reader and writer are gone.
///
/// Without descriptors or memory for another connection it logs a line, accepts nothing until a
/// connection has ended or a second has passed, and goes on.
///
/// Suspends      while a name is looked up.
/// Cancellation  safe: nothing stays open.
/// Errors        OsError that names the address; RuntimeError outside of a loop; ValueError for a
///               port, backlog or limit that cannot be.
/// Threads       any loop.
/// asyncio       start_server
template <class F>
requires std::is_invocable_v < std::decay_t<F>
&, StreamReader,
    StreamWriter >
        Server start_server(
            F&& handler, const std::string& host, int port, const ServerOptions& options = {}
        ) {
    auto shared = std::make_shared<std::decay_t<F>>(std::forward<F>(handler));
    return detail::start_server(
        [shared](StreamReader reader, StreamWriter writer) {
            std::invoke(*shared, std::move(reader), std::move(writer));
        },
        host,
        port,
        options
    );
}

}  // namespace weft
