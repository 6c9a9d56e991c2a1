#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <string>
#include <thread>
#include <weft/connection.hpp>
#include <weft/loop.hpp>
#include <weft/server.hpp>
#include <weft/sleep.hpp>
#include <weft/stream.hpp>
#include <weft/task.hpp>

#include "support/runtime_fixture.hpp"

// A loop that a host runs within its own.

namespace weft::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

/// A host's loop: poll(), then a turn.
template <class Done>
void host(Loop& loop, Done done) {
    while (!done()) {
        const auto limit = loop.next_timeout();
        // Rounded up, as a host that waits too short a time spins.
        const int wait =
            limit ? static_cast<int>((*limit + milliseconds(1) - nanoseconds(1)) / milliseconds(1))
                  : 10'000;
        pollfd waiting{loop.fd(), POLLIN, 0};
        ::poll(&waiting, 1, wait);
        loop.run_once();
    }
}

// Goal: one call is one turn: what is ready runs, what that adds waits for the next.
TEST(EmbeddedLoop, RunOnceIsOneTurn) {
    Loop loop;
    std::string trace;
    loop.call_soon([&] {
        trace += "a";
        loop.call_soon([&] { trace += "c"; });
    });
    loop.call_soon([&] { trace += "b"; });
    EXPECT_EQ(loop.next_timeout(), nanoseconds(0));
    loop.run_once();
    EXPECT_EQ(trace, "ab");
    EXPECT_EQ(loop.next_timeout(), nanoseconds(0));
    loop.run_once();
    EXPECT_EQ(trace, "abc");
    EXPECT_EQ(loop.next_timeout(), std::nullopt);
    loop.run_once();  // nothing to do: it returns
}

// Goal: with a timeout it waits for something to happen, and no longer.
TEST(EmbeddedLoop, RunOnceWaits) {
    Loop loop;
    const auto start = steady_clock::now();
    loop.run_once(milliseconds(20));
    EXPECT_GE(steady_clock::now() - start, milliseconds(20));
    bool called = false;
    loop.call_later(milliseconds(10), [&] { called = true; });
    while (!called) {
        loop.run_once(std::nullopt);
    }
    std::thread other([&] { loop.call_soon_threadsafe([&] { called = false; }); });
    while (called) {
        loop.run_once(std::nullopt);
    }
    other.join();
}

// Goal: the descriptor tells of what other threads bring, whenever that comes.
TEST(EmbeddedLoop, TheDescriptorTellsOfOtherThreads) {
    Loop loop;
    constexpr int kCalls = 2000;
    int calls = 0;
    loop.run_once();
    std::thread other([&] {
        for (int i = 0; i < kCalls; ++i) {
            loop.call_soon_threadsafe([&] { ++calls; });
            if (i % 16 == 0) {
                std::this_thread::yield();
            }
        }
    });
    const auto start = steady_clock::now();
    host(loop, [&] { return calls == kCalls; });
    EXPECT_LT(steady_clock::now() - start, seconds(9))
        << "a wake-up was lost, and poll() timed out";
    other.join();
}

// Goal: timers, tasks and sockets of the loop work under a host; several loops have one thread.
TEST(EmbeddedLoop, RunsEverything) {
    Loop server_loop;
    Loop client_loop;
    std::optional<Server> server;
    auto serving = server_loop.create_task([&] {
        server = start_server(
            [](StreamReader reader, StreamWriter writer) {
                writer.write(reader.readline());
                writer.drain();
            },
            "127.0.0.1",
            0
        );
    });
    host(server_loop, [&] { return serving.done(); });
    auto client = client_loop.create_task([&] {
        sleep(milliseconds(5));
        auto [reader, writer] = open_connection("127.0.0.1", server->port());
        writer.write("hello\n");
        return reader.readline();
    });
    while (!client.done()) {
        pollfd waiting[2] = {{server_loop.fd(), POLLIN, 0}, {client_loop.fd(), POLLIN, 0}};
        ::poll(waiting, 2, 1);
        server_loop.run_once();
        client_loop.run_once();
    }
    EXPECT_EQ(await(client), "hello\n");
    server->close();
    server.reset();
    server_loop.run_once();
}

// Goal: only a loop of its own, on one thread at a time, and not from within a loop.
TEST(EmbeddedLoop, Misuse) {
    Loop loop;
    loop.call_soon([&] { EXPECT_THROW(loop.run_once(), RuntimeError); });
    loop.run_once();
    Runtime runtime;
    EXPECT_THROW(runtime.loop(0).run_once(), RuntimeError);
    loop.close();
    EXPECT_THROW(loop.run_once(), RuntimeError);
}

}  // namespace
}  // namespace weft::test
