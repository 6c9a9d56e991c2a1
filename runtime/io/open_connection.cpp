#include <netinet/tcp.h>

#include <cerrno>
#include <utility>
#include <weft/connection.hpp>
#include <weft/errors.hpp>

#include "io/stream_state.hpp"
#include "task/park.hpp"

namespace weft {
namespace {

using detail::StreamState;

/// Connects to one address: 0 or an errno value.
int connect_to(
    const rt::SocketAddress& address, std::size_t limit, std::shared_ptr<StreamState>& connected
) {
    const int raw =
        rt::checked(::socket, address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (raw < 0) {
        return -raw;
    }
    rt::UniqueFd fd(raw);
    const int on = 1;
    static_cast<void>(
        rt::checked(::setsockopt, raw, IPPROTO_TCP, TCP_NODELAY, &on, socklen_t{sizeof on})
    );
    const int started = rt::checked(::connect, raw, address.get(), address.size);
    if (started < 0 && started != -EINPROGRESS && started != -EINTR) {
        return -started;
    }
    rt::Worker& worker = rt::Home::running("open_connection()");
    auto state = std::make_shared<StreamState>(rt::Home(worker), address, limit, nullptr);
    if (const std::error_code error = state->attach(fd, started == 0)) {
        return error.value();
    }
    if (started != 0) {
        const int result = state->finish_connect();
        if (result == -ECANCELED) {
            detail::throw_cancelled();
        }
        if (result < 0) {
            return -result;
        }
    }
    connected = std::move(state);
    return 0;
}

}  // namespace

std::pair<StreamReader, StreamWriter> open_connection(
    const std::string& host, int port, ConnectionOptions options
) {
    static_cast<void>(rt::require_task("open_connection()"));
    if (options.limit == 0) {
        throw ValueError("open_connection(): the limit is 0");
    }
    const std::uint16_t number = rt::checked_port(port);
    const std::string doing = "connect to " + rt::endpoint_name(host, number);
    int error = 0;
    std::string failed;
    for (const rt::SocketAddress& address :
         rt::resolve(host, number, rt::AddressUse::Connect, doing)) {
        std::shared_ptr<StreamState> state;
        error = connect_to(address, options.limit, state);
        if (error == 0) {
            return {StreamReader(state), StreamWriter(state)};
        }
        failed += (failed.empty() ? "" : ", ") + address.to_string();
    }
    throw OsError(error, failed == doing.substr(11) ? doing : doing + " (" + failed + ")");
}

}  // namespace weft
