#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <weft/connection.hpp>
#include <weft/future.hpp>
#include <weft/server.hpp>
#include <weft/sleep.hpp>
#include <weft/stream.hpp>

namespace weft::test {

/// One end of a connection.
struct End {
    StreamReader reader;
    StreamWriter writer;
};

/// Both ends of a connection over 127.0.0.1, both made by weft. In a task.
struct StreamPair {
    End client;
    End server;
};

/// Accepts the next connection, for a peer that is made otherwise.
class OneConnection {
public:
    explicit OneConnection(const ServerOptions& options = {})
        : server_(start_server(
              [slot = slot_](StreamReader reader, StreamWriter writer) {
                  slot.set_result(std::make_shared<End>(End{std::move(reader), std::move(writer)}));
              },
              "127.0.0.1",
              0,
              options
          )) {}

    [[nodiscard]] int port() const { return server_.port(); }
    [[nodiscard]] End take() {
        const std::shared_ptr<End> end = await(slot_);
        slot_ = Future<std::shared_ptr<End>>();
        server_.close();
        return std::move(*end);
    }

private:
    Future<std::shared_ptr<End>> slot_;
    Server server_;
};

[[nodiscard]] inline StreamPair make_pair_of_streams(std::size_t limit = kDefaultStreamLimit) {
    OneConnection listening({.limit = limit});
    auto [reader, writer] = open_connection("127.0.0.1", listening.port(), {.limit = limit});
    return {{std::move(reader), std::move(writer)}, listening.take()};
}

/// Lets others run until `condition()` holds; throws after 20 s (in a task).
template <class F>
void until(F&& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) {
            throw std::runtime_error("until(): it has not come to pass");
        }
        sleep(std::chrono::microseconds(50));
    }
}

/// Does something that blocks on a thread of its own; wait() lets the loop go on meanwhile.
class Aside {
public:
    template <class F>
    explicit Aside(F&& function)
        : thread_([this, function = std::forward<F>(function)]() mutable {
              function();
              done_.store(true);
          }) {}
    Aside(const Aside&) = delete;
    Aside& operator=(const Aside&) = delete;
    ~Aside() {
        if (thread_.joinable()) {
            thread_.join();
        }
    }

    void wait() {
        until([this] { return done_.load(); });
        thread_.join();
    }

private:
    std::atomic<bool> done_{false};
    std::thread thread_;
};

}  // namespace weft::test
