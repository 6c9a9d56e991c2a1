#include <cerrno>
#include <chrono>
#include <mutex>
#include <utility>
#include <weft/errors.hpp>
#include <weft/sleep.hpp>

#include "base/log.hpp"
#include "io/server_socket.hpp"
#include "io/server_state.hpp"
#include "io/stream_state.hpp"
#include "task/report.hpp"

namespace weft::detail {
namespace {

/// How long nothing is accepted after the system had no means for another connection, unless one
/// ends; and how often to look for that.
constexpr auto kAcceptPause = std::chrono::seconds(1);
constexpr auto kBetweenLooks = std::chrono::milliseconds(50);

/// A want of memory does not end the acceptor: the line may not be had then.
void log_refusal(const rt::SocketAddress& address, int error) noexcept {
    try {
        rt::log_error(
            "accept on " + address.to_string() + ": " + std::generic_category().message(error) +
            "; no connections for 1 s, unless one ends"
        );
    } catch (const std::bad_alloc&) {
        rt::log_error("accept: no memory; no connections for 1 s, unless one ends");
    }
}

/// Errors of the connection that was to be accepted; the next one may be fine (accept(2)).
bool concerns_one_connection(int error) noexcept {
    switch (error) {
        case EAGAIN:
        case ECONNABORTED:
        case EHOSTDOWN:
        case EHOSTUNREACH:
        case ENETDOWN:
        case ENETUNREACH:
        case ENONET:
        case ENOPROTOOPT:
        case EOPNOTSUPP:
        case EPERM:
        case EPROTO:
            return true;
        default:
            return false;
    }
}

/// Errors that say that this machine does not know the address, not that somebody has it.
bool address_is_absent(int result) noexcept {
    return result == -EAFNOSUPPORT || result == -EADDRNOTAVAIL;
}

}  // namespace

/// The task that accepts. Whatever ends it, its socket is closed then.
class ServerState::Acceptor {
public:
    Acceptor(std::shared_ptr<ServerState> server, Listener& listener) noexcept
        : server_(std::move(server)), listener_(&listener) {
        server_->accepting_.fetch_add(1, rt::relaxed);
    }
    Acceptor(Acceptor&&) noexcept = default;
    Acceptor& operator=(Acceptor&&) = delete;
    ~Acceptor() {
        if (server_ != nullptr) {
            server_->acceptor_ended(*listener_);
        }
    }
    void operator()() { server_->accept_on(*listener_); }

private:
    std::shared_ptr<ServerState> server_;
    Listener* listener_;
};

ServerState::ServerState(ConnectionHandler handler, const ServerOptions& options)
    : handler_(std::move(handler)),
      options_(options),
      count_(std::make_shared<rt::ConnectionCount>()) {}

ServerState::~ServerState() = default;

void ServerState::start(std::vector<rt::SocketAddress> addresses, const std::string& doing) {
    try {
        int absent = 0;
        for (rt::SocketAddress& address : addresses) {
            if (address.port() == 0) {
                address.set_port(static_cast<std::uint16_t>(port_));
            }
            std::vector<rt::UniqueFd> sockets;
            rt::Scheduler& scheduler = rt::Home::running("start_server()").scheduler();
            const int result = rt::open_listening_sockets(
                address,
                {options_.backlog,
                 options_.on_every_loop ? scheduler.width() : 1,
                 options_.reuse_port},
                sockets
            );
            if (address_is_absent(result) && addresses.size() > 1) {
                absent = result;
                continue;
            }
            if (result < 0) {
                throw OsError(-result, doing);
            }
            port_ = address.port();
            for (std::size_t i = 0; i < sockets.size(); ++i) {
                add_listener(
                    options_.on_every_loop ? scheduler.worker(static_cast<int>(i))
                                           : rt::Home::running("start_server()"),
                    sockets[i],
                    address,
                    doing
                );
            }
        }
        if (listeners_.empty()) {
            throw OsError(-absent, doing);
        }
        for (const auto& listener : listeners_) {
            static_cast<void>(Ref<FutureState>::adopt(make_task(
                Acceptor(shared_from_this(), *listener),
                TaskKind::Pinned,
                &listener->descriptor.home().worker(),
                Site::current(),
                {.name = "accept " + listener->address.to_string()}
            )));
        }
    } catch (...) {
        close();
        throw;
    }
}

void ServerState::add_listener(
    rt::Worker& worker, rt::UniqueFd& fd, const rt::SocketAddress& address, const std::string& doing
) {
    auto listener = std::make_unique<Listener>(rt::Home(worker));
    listener->address = address;
    listeners_.reserve(listeners_.size() + 1);  // what is attached must be in the list
    if (const std::error_code error = listener->descriptor.attach(fd, true)) {
        throw OsError(error, doing);
    }
    listeners_.push_back(std::move(listener));
}

void ServerState::accept_on(Listener& listener) {
    using std::chrono::steady_clock;
    const auto backlog = static_cast<std::uint32_t>(options_.backlog);
    steady_clock::time_point log_again{};
    for (std::uint32_t accepted = 1;; ++accepted) {
        const std::uint64_t ended = count_->ended();  // before: one may end while it fails
        const int error = accept_one(listener);
        if (error == ECANCELED) {
            throw_cancelled();
        }
        if (error == EBADF) {
            return;
        }
        if (error != 0 && !concerns_one_connection(error)) {
            if (const auto now = steady_clock::now(); now >= log_again) {
                log_again = now + kAcceptPause;
                log_refusal(listener.address, error);
            }
            if (!pause_accepting(ended)) {
                return;
            }
        } else if (accepted % backlog == 0) {
            yield();  // a flood of connections must not keep the loop from serving those it has
        }
    }
}

/// Until more than `ended` connections have ended, and given back what they had, or for
/// kAcceptPause. One that waits in the system's queue may be over already: then its handler has to
/// run, and to end, to make room for the next. False when the server was closed meanwhile.
bool ServerState::pause_accepting(std::uint64_t ended) {
    for (auto left = kAcceptPause / kBetweenLooks;
         left > 0 && count_->ended() == ended && !count_->closed();
         --left) {
        try {
            sleep(kBetweenLooks);
        } catch (const std::bad_alloc&) {
            yield();
        }
    }
    return !count_->closed();
}

/// 0 or an errno value; EBADF when the server was closed.
int ServerState::accept_one(Listener& listener) {
    {
        const std::lock_guard lock(listener.lock);
        if (!listener.descriptor.begin()) {
            return EBADF;
        }
    }
    rt::SocketAddress peer;
    rt::Operation operation{
        .kind = rt::Operation::Kind::Accept,
        .descriptor = listener.descriptor.get(),
        .address = &peer.storage};
    const auto result = static_cast<int>(listener.descriptor.get().home().perform(operation));
    peer.size = operation.address_size;
    bool last = false;
    {
        const std::lock_guard lock(listener.lock);
        last = listener.descriptor.end();
    }
    if (last) {
        listener.descriptor.release_slot();
    }
    return result < 0 ? -result : greet(listener, rt::UniqueFd(result), peer);
}

/// Makes the task of a connection: 0 or an errno value.
int ServerState::greet(Listener& listener, rt::UniqueFd fd, const rt::SocketAddress& peer) {
    try {
        auto connection =
            std::make_shared<StreamState>(listener.descriptor.home(), peer, options_.limit, count_);
        if (const std::error_code error = connection->attach(fd, true)) {
            return error.value();
        }
        const TaskKind kind =
            options_.kind == HandlerKind::Pinned ? TaskKind::Pinned : TaskKind::Stealable;
        static_cast<void>(Ref<FutureState>::adopt(make_task(
            [server = shared_from_this(), connection = std::move(connection)]() mutable {
                server->handle(std::exchange(connection, nullptr));
            },
            kind,
            nullptr,
            Site::current()
        )));
    } catch (const std::bad_alloc&) {
        return ENOMEM;
    }
    return 0;
}

/// The body of a connection's task. Keeps no hold of the connection itself: it ends when the
/// handler drops reader and writer, which may be earlier or later.
void ServerState::handle(std::shared_ptr<StreamState> connection) const {
    const rt::SocketAddress peer = connection->peer();
    const std::weak_ptr<StreamState> watched = connection;
    const auto close_connection = [&watched] {
        if (const std::shared_ptr<StreamState> open = watched.lock(); open != nullptr) {
            open->close();
        }
    };
    try {
        StreamReader reader(connection);
        handler_(std::move(reader), StreamWriter(std::move(connection)));
    } catch (const CancelledError&) {
        close_connection();
        throw;
    } catch (...) {
        close_connection();
        rt::report_error(
            "exception in the handler of " + peer.to_string(),
            "the handler of a connection",
            std::current_exception()
        );
    }
}

void ServerState::close_listener(Listener& listener) noexcept {
    bool first = false;
    {
        const std::lock_guard lock(listener.lock);
        first = listener.descriptor.begin_close();
    }
    if (first) {
        listener.descriptor.finish_close();
    }
}

void ServerState::acceptor_ended(Listener& listener) noexcept {
    close_listener(listener);
    // acq_rel: the last one comes after all others
    if (accepting_.fetch_sub(1, rt::acq_rel) == 1) {
        count_->close();
    }
}

void ServerState::close() {
    count_->close();
    for (const auto& listener : listeners_) {
        listener->descriptor.home().run([self = shared_from_this(), &listener = *listener] {
            close_listener(listener);
        });
    }
}

Server start_server(
    ConnectionHandler handler, const std::string& host, int port, const ServerOptions& options
) {
    static_cast<void>(rt::Home::running("start_server()"));
    if (options.limit == 0) {
        throw ValueError("start_server(): the limit is 0");
    }
    if (options.backlog <= 0) {
        throw ValueError("start_server(): the backlog is not positive");
    }
    const std::uint16_t number = rt::checked_port(port);
    const std::string doing = "listen on " + rt::endpoint_name(host, number);
    auto addresses = rt::resolve(host, number, rt::AddressUse::Listen, doing);
    auto state = std::make_shared<ServerState>(std::move(handler), options);
    state->start(std::move(addresses), doing);
    return Server(std::move(state));
}

}  // namespace weft::detail

namespace weft {

Server::Server(std::shared_ptr<detail::ServerState> state) noexcept : state_(std::move(state)) {}

int Server::port() const noexcept {
    return state_->port();
}
bool Server::is_serving() const noexcept {
    return !state_->count().closed();
}
std::size_t Server::connections() const noexcept {
    return state_->count().size();
}
void Server::close() const {
    state_->close();
}

void Server::wait_closed() const {
    const auto state = state_;
    state->count().wait("Server.wait_closed", true);
}

void Server::serve_forever() const {
    const auto state = state_;
    try {
        state->count().wait("Server.serve_forever", false);
    } catch (const CancelledError&) {
        state->close();
        throw;
    }
}

}  // namespace weft
