#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "peer.hpp"

namespace weft::perf {
namespace {

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

constexpr std::size_t kMessageBytes = 64;

using Message = std::array<char, kMessageBytes>;

int check(int result) {
    if (result < 0) {
        throw std::runtime_error("the system refuses a socket");
    }
    return result;
}

/// One connection, both ends.
struct Connection {
    int asks;
    int answers;
    std::int64_t left = 0;
    Clock::time_point sent;
};

/// Both ends in one thread with one epoll set: recv and send, nothing else.
class Echo {
public:
    explicit Echo(std::size_t connections) : epoll_(check(epoll_create1(EPOLL_CLOEXEC))) {
        const int listener = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        sockaddr generic{};
        std::memcpy(&generic, &address, sizeof address);
        check(bind(listener, &generic, sizeof generic));
        check(listen(listener, SOMAXCONN));
        socklen_t size = sizeof generic;
        check(getsockname(listener, &generic, &size));
        for (std::size_t i = 0; i < connections; ++i) {
            Connection made{check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), 0, 0, {}};
            check(connect(made.asks, &generic, sizeof generic));
            made.answers = check(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
            all_.push_back(made);
        }
        close(listener);
        for (std::size_t i = 0; i < connections; ++i) {
            watch(all_[i].asks, 2 * i);
            watch(all_[i].answers, 2 * i + 1);
        }
    }
    Echo(const Echo&) = delete;
    Echo& operator=(const Echo&) = delete;
    ~Echo() {
        for (const Connection& one : all_) {
            close(one.asks);
            close(one.answers);
        }
        close(epoll_);
    }

    /// Returns how long each request took.
    std::vector<double> round(std::int64_t requests) {
        std::vector<double> times;
        std::size_t open = all_.size();
        for (Connection& one : all_) {
            one.left = requests;
            ask(one);
        }
        std::array<epoll_event, 256> events;
        while (open > 0) {
            const int count = epoll_wait(epoll_, events.data(), events.size(), -1);
            for (int i = 0; i < count; ++i) {
                const std::uint64_t which = events[static_cast<std::size_t>(i)].data.u64;
                Connection& one = all_[which / 2];
                if (which % 2 == 1) {
                    receive(one.answers);
                    send_message(one.answers);
                    continue;
                }
                receive(one.asks);
                times.push_back(Microseconds(Clock::now() - one.sent).count());
                if (--one.left > 0) {
                    ask(one);
                } else {
                    --open;
                }
            }
        }
        return times;
    }

private:
    void watch(int fd, std::uint64_t which) {
        const int on = 1;
        check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = which;
        check(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event));
    }
    void ask(Connection& one) {
        one.sent = Clock::now();
        send_message(one.asks);
    }
    void receive(int fd) {
        if (recv(fd, message_.data(), message_.size(), MSG_DONTWAIT) !=
            static_cast<ssize_t>(message_.size())) {
            throw std::runtime_error("a message is not whole");
        }
    }
    void send_message(int fd) {
        if (send(fd, message_.data(), message_.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(message_.size())) {
            throw std::runtime_error("a message is not whole");
        }
    }

    int epoll_;
    std::vector<Connection> all_;
    Message message_{};
};

void echo_over_tcp(Run& run) {
    const std::int64_t requests = run.size("requests");
    Echo echo(static_cast<std::size_t>(run.size("connections")));
    echo.round(1 + requests / 10);
    std::vector<double> times;
    const double time = nanoseconds_of([&] { times = echo.round(requests); });
    run.report("time", time / 1e3 / static_cast<double>(times.size()), "us");
    run.report("p99", percentile(times, 0.99), "us");
}

const bool added = add_peer("echo", &echo_over_tcp);

}  // namespace
}  // namespace weft::perf
