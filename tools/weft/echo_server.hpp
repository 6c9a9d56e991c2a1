#pragma once

#include <string>
#include <weft/runtime.hpp>
#include <weft/server.hpp>

namespace weft::tool {

/// A TCP server on every loop of a runtime that sends back whatever it gets. Where it ends, no more
/// is accepted; connections go on until their peers close them or the runtime shuts down.
///
/// Threads  a plain one.
class EchoServer {
public:
    /// The runtime has been started. Blocks until the server listens.
    ///
    /// Errors  OsError when the address is taken or not ours.
    EchoServer(Runtime& runtime, const std::string& host, int port, HandlerKind kind);
    EchoServer(const EchoServer&) = delete;
    EchoServer& operator=(const EchoServer&) = delete;
    ~EchoServer() { server_.close(); }

    /// Returns the port it listens on: the one it was given, or what was free for 0.
    [[nodiscard]] int port() const noexcept { return server_.port(); }

private:
    Server server_;
};

}  // namespace weft::tool
