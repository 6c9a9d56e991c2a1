#include "load.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "base/posix.hpp"
#include "histogram.hpp"

namespace weft::tool {
namespace {

using Clock = std::chrono::steady_clock;

// How long the last echoes may take once nothing more is sent.
constexpr auto kLastEchoes = std::chrono::seconds(2);

void check_result(long result, const char* what) {
    if (result < 0) {
        throw std::system_error(static_cast<int>(-result), std::system_category(), what);
    }
}

/// A stream of bytes that differs between any two requests of a run (splitmix64).
void fill(std::vector<char>& message, std::uint64_t seed) {
    for (std::size_t at = 0; at < message.size(); at += sizeof(seed)) {
        seed += 0x9e3779b97f4a7c15U;
        std::uint64_t word = seed;
        word = (word ^ (word >> 30U)) * 0xbf58476d1ce4e5b9U;
        word = (word ^ (word >> 27U)) * 0x94d049bb133111ebU;
        word ^= word >> 31U;
        std::memcpy(&message[at], &word, std::min(sizeof(word), message.size() - at));
    }
}

/// One connection and the request it has under way.
struct Connection {
    rt::UniqueFd socket;
    std::vector<char> message;
    std::size_t sent = 0;
    std::size_t received = 0;
    std::uint64_t requests = 0;
    Clock::time_point started;
    bool waiting = false;  ///< for the rest of an echo
    bool wants_out = false;
};

class Load {
public:
    explicit Load(const LoadOptions& options);

    LoadResult run();

private:
    void connect(Connection& connection) const;
    void begin_request(Connection& connection);
    void send_some(Connection& connection);
    void receive_some(Connection& connection);
    void end_request(Connection& connection);
    void fail(Connection& connection, const std::string& why);
    void watch(Connection& connection, int operation, bool out) const;
    [[nodiscard]] bool wait_and_serve(Clock::time_point until);

    const LoadOptions options_;
    rt::UniqueFd epoll_;
    std::vector<Connection> connections_;
    std::vector<char> echo_;
    Histogram latencies_;
    LoadResult result_;
    int waiting_ = 0;
    bool sending_ = true;
};

Load::Load(const LoadOptions& options)
    : options_(options),
      epoll_(rt::checked(::epoll_create1, EPOLL_CLOEXEC)),
      connections_(static_cast<std::size_t>(options.connections)),
      echo_(std::max<std::size_t>(options.bytes, 1)) {
    check_result(epoll_.get(), "epoll_create1");
    for (Connection& connection : connections_) {
        connect(connection);
    }
}

void Load::connect(Connection& connection) const {
    connection.socket = rt::UniqueFd(rt::checked(::socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int fd = connection.socket.get();
    check_result(fd, "socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(options_.port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr generic{};
    static_assert(sizeof(generic) == sizeof(address));
    std::memcpy(&generic, &address, sizeof(address));
    check_result(
        rt::retried([&] { return ::connect(fd, &generic, sizeof(generic)); }), "cannot connect"
    );
    const int on = 1;
    check_result(
        rt::checked([&] { return ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); }),
        "TCP_NODELAY"
    );
    check_result(rt::checked([&] { return ::fcntl(fd, F_SETFL, O_NONBLOCK); }), "O_NONBLOCK");
    connection.message.resize(options_.bytes);
    watch(connection, EPOLL_CTL_ADD, false);
}

void Load::watch(Connection& connection, int operation, bool out) const {
    epoll_event event{};
    event.events = EPOLLIN | (out ? std::uint32_t{EPOLLOUT} : 0U);
    event.data.ptr = &connection;
    check_result(
        rt::checked(::epoll_ctl, epoll_.get(), operation, connection.socket.get(), &event),
        "epoll_ctl"
    );
    connection.wants_out = out;
}

void Load::begin_request(Connection& connection) {
    const auto index = static_cast<std::uint64_t>(&connection - connections_.data());
    fill(connection.message, (index << 40U) + connection.requests * connection.message.size());
    connection.sent = 0;
    connection.received = 0;
    connection.started = Clock::now();
    connection.waiting = true;
    ++waiting_;
    send_some(connection);
}

void Load::send_some(Connection& connection) {
    const auto& message = connection.message;
    while (connection.sent < message.size()) {
        const ssize_t count = rt::retried(
            ::send,
            connection.socket.get(),
            message.data() + connection.sent,
            message.size() - connection.sent,
            MSG_NOSIGNAL
        );
        if (count == -EAGAIN) {
            break;
        }
        if (count < 0) {
            fail(connection, "send: " + std::system_category().message(static_cast<int>(-count)));
            return;
        }
        connection.sent += static_cast<std::size_t>(count);
    }
    const bool unsent = connection.sent < message.size();
    if (unsent != connection.wants_out) {
        watch(connection, EPOLL_CTL_MOD, unsent);
    }
}

void Load::receive_some(Connection& connection) {
    const ssize_t count =
        rt::retried(::recv, connection.socket.get(), echo_.data(), echo_.size(), MSG_DONTWAIT);
    if (count == -EAGAIN) {
        return;
    }
    if (count <= 0) {
        fail(
            connection,
            count == 0 ? "the server closed a connection"
                       : "recv: " + std::system_category().message(static_cast<int>(-count))
        );
        return;
    }
    const auto size = static_cast<std::size_t>(count);
    if (size > connection.sent - connection.received) {
        fail(connection, "the server sent more than it had got");
        return;
    }
    if (std::memcmp(echo_.data(), connection.message.data() + connection.received, size) != 0) {
        fail(connection, "the server sent other bytes than it had got");
        return;
    }
    connection.received += size;
    if (connection.received == connection.message.size()) {
        end_request(connection);
    }
}

void Load::end_request(Connection& connection) {
    const auto took = Clock::now() - connection.started;
    latencies_.add(static_cast<std::uint64_t>(std::chrono::nanoseconds(took).count()));
    ++connection.requests;
    ++result_.requests;
    connection.waiting = false;
    --waiting_;
    if (sending_) {
        begin_request(connection);
    }
}

/// Ends the connection; its request is lost.
void Load::fail(Connection& connection, const std::string& why) {
    if (result_.errors++ == 0) {
        result_.first_error = why;
    }
    if (std::exchange(connection.waiting, false)) {
        --waiting_;
    }
    connection.socket = rt::UniqueFd();  // which takes it out of the epoll set, too
}

/// Returns false when the time is up or no connection is left.
bool Load::wait_and_serve(Clock::time_point until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0 || waiting_ == 0) {
        return false;
    }
    std::array<epoll_event, 256> events;  // NOLINT: filled by the kernel
    const int count = rt::retried(
        ::epoll_wait,
        epoll_.get(),
        events.data(),
        static_cast<int>(events.size()),
        static_cast<int>(left.count())
    );
    check_result(count, "epoll_wait");
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        auto& connection = *static_cast<Connection*>(event.data.ptr);
        if ((event.events & EPOLLOUT) != 0) {
            send_some(connection);
        }
        if (connection.socket && (event.events & ~std::uint32_t{EPOLLOUT}) != 0) {
            receive_some(connection);
        }
    }
    return true;
}

LoadResult Load::run() {
    const auto start = Clock::now();
    const auto end = start + std::chrono::duration_cast<Clock::duration>(
                                 std::chrono::duration<double>(options_.seconds)
                             );
    for (Connection& connection : connections_) {
        begin_request(connection);
    }
    while (wait_and_serve(end)) {
    }
    result_.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const auto in_time = result_.requests;
    sending_ = false;
    const auto last = Clock::now() + kLastEchoes;
    while (wait_and_serve(last)) {
    }
    for (Connection& connection : connections_) {
        if (connection.waiting) {
            fail(connection, "an echo never came");
        }
    }
    constexpr double kNanosPerMicro = 1e3;
    result_.p50_us = static_cast<double>(latencies_.quantile(0.50)) / kNanosPerMicro;
    result_.p99_us = static_cast<double>(latencies_.quantile(0.99)) / kNanosPerMicro;
    result_.max_us = static_cast<double>(latencies_.max()) / kNanosPerMicro;
    result_.requests = in_time;
    return result_;
}

}  // namespace

LoadResult run_load(const LoadOptions& options) {
    return Load(options).run();
}

}  // namespace weft::tool
