#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "coroutines.hpp"

namespace weft::perf {
namespace {

using net::ip::tcp;
using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

constexpr std::size_t kMessageBytes = 64;

using Message = std::array<char, kMessageBytes>;

Coroutine<void> answer(tcp::socket socket) {
    socket.set_option(tcp::no_delay(true));
    for (Message message;;) {
        boost::system::error_code error;
        co_await net::async_read(
            socket, net::buffer(message), net::redirect_error(net::use_awaitable, error)
        );
        if (error) {
            co_return;
        }
        co_await net::async_write(socket, net::buffer(message), net::use_awaitable);
    }
}

Coroutine<void> serve(tcp::acceptor& acceptor) {
    for (;;) {
        boost::system::error_code error;
        tcp::socket socket =
            co_await acceptor.async_accept(net::redirect_error(net::use_awaitable, error));
        if (error) {
            co_return;
        }
        net::co_spawn(acceptor.get_executor(), answer(std::move(socket)), net::detached);
    }
}

/// All connections of one round, and how long their requests took.
struct Round {
    std::mutex mutex;
    std::int64_t open = 0;
    std::vector<double> times;
    net::steady_timer ended;
};

/// Sends `requests`, each when the one before was answered.
Coroutine<void> ask(tcp::endpoint server, std::int64_t requests, Round& round) {
    tcp::socket socket(co_await net::this_coro::executor);
    co_await socket.async_connect(server, net::use_awaitable);
    socket.set_option(tcp::no_delay(true));
    std::vector<double> times;
    for (std::int64_t i = 0; i < requests; ++i) {
        Message message{};
        message.back() = static_cast<char>(i % 100);
        const auto start = Clock::now();
        co_await net::async_write(socket, net::buffer(message), net::use_awaitable);
        co_await net::async_read(socket, net::buffer(message), net::use_awaitable);
        if (message.back() != static_cast<char>(i % 100)) {
            throw std::runtime_error("an answer is wrong");
        }
        times.push_back(Microseconds(Clock::now() - start).count());
    }
    const std::scoped_lock held(round.mutex);
    round.times.insert(round.times.end(), times.begin(), times.end());
    if (--round.open == 0) {
        round.ended.cancel();
    }
}

/// Asks on all connections at once; returns how long the requests took.
Coroutine<std::vector<double>> ask_all(
    const Run& run, net::io_context& context, tcp::endpoint server, std::int64_t requests
) {
    Round round{{}, 0, {}, net::steady_timer(context, Clock::time_point::max())};
    round.open = run.size("connections");
    for (std::int64_t i = 0; i < run.size("connections"); ++i) {
        net::co_spawn(context, ask(server, requests, round), net::detached);
    }
    boost::system::error_code error;
    co_await round.ended.async_wait(net::redirect_error(net::use_awaitable, error));
    const std::scoped_lock held(round.mutex);
    co_return std::move(round.times);
}

void echo_over_tcp(Run& run) {
    with_context(run, [&](net::io_context& context) -> Coroutine<void> {
        const std::int64_t requests = run.size("requests");
        tcp::acceptor acceptor(context, tcp::endpoint(net::ip::address_v4::loopback(), 0));
        net::co_spawn(context, serve(acceptor), net::detached);
        co_await ask_all(run, context, acceptor.local_endpoint(), 1 + requests / 10);
        const auto start = Clock::now();
        std::vector<double> times =
            co_await ask_all(run, context, acceptor.local_endpoint(), requests);
        const Microseconds time = Clock::now() - start;
        expect_equal(
            static_cast<std::int64_t>(times.size()),
            run.size("connections") * requests,
            "the number of answers"
        );
        run.report("time", time.count() / static_cast<double>(times.size()), "us");
        run.report("p99", percentile(times, 0.99), "us");
        context.stop();
    });
}

const bool added = add_peer("echo", &echo_over_tcp);

}  // namespace
}  // namespace weft::perf
