#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string>
#include <thread>
#include <vector>
#include <weft/errors.hpp>
#include <weft/task.hpp>

#include "io/raw_socket.hpp"
#include "io/stream_pair.hpp"
#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

class Connection : public OnEveryRuntime {};
WEFT_ON_EVERY_RUNTIME(Connection);

/// Connects and returns what the error says.
std::string refusal(const std::string& host, int port) {
    try {
        auto [reader, writer] = open_connection(host, port);
        return "connected to " + writer.peername();
    } catch (const OsError& error) {
        return error.what();
    }
}

/// A port of 127.0.0.1 on which nobody listens.
int free_port() {
    return RawSocket::listen().port();
}

// Goal: a closed connection whose description somebody else holds brings no more events.
TEST_P(Connection, ClosedOnesAreNotWatched) {
    run([] {
        Runtime& runtime = get_running_loop().runtime();
        StreamPair pair = make_pair_of_streams();
        const int copy = ::dup(pair.server.writer.fileno());
        ASSERT_GE(copy, 0);
        pair.server.writer.close();
        pair.server.writer.wait_closed();
        settle();
        const std::uint64_t before = runtime.metrics().total().events;
        constexpr int kMessages = 20;
        for (int i = 0; i < kMessages; ++i) {
            pair.client.writer.write("x");
            until([&] { return unread_bytes(copy) > i; });
            sleep(std::chrono::microseconds(300));  // the loop looks at its reactor
        }
        // Not one for each; a few are of the loops' own waking.
        EXPECT_LT(runtime.metrics().total().events - before, kMessages);
        ::close(copy);
    });
}

TEST_P(Connection, NumericAndLocalHosts) {
    run([] {
        for (const char* host : {"127.0.0.1", "localhost", ""}) {
            const RawSocket listening = RawSocket::listen();
            auto [reader, writer] = open_connection(host, listening.port());
            EXPECT_EQ(writer.peername(), "127.0.0.1:" + std::to_string(listening.port()));
            listening.accept().send("hello");
            EXPECT_EQ(reader.read(), "hello");
        }
    });
}

TEST_P(Connection, RefusedNamesHostPortAndReason) {
    run([] {
        const int port = free_port();
        EXPECT_EQ(
            refusal("127.0.0.1", port),
            "connect to 127.0.0.1:" + std::to_string(port) + ": Connection refused"
        );
        // Every address of the host was tried.
        const std::string text = refusal("localhost", port);
        EXPECT_NE(text.find("connect to localhost:"), std::string::npos) << text;
        EXPECT_NE(text.find("127.0.0.1:"), std::string::npos) << text;
        EXPECT_NE(text.find("[::1]:"), std::string::npos) << text;
    });
}

TEST_P(Connection, UnknownHostIsNamed) {
    run([] {
        const std::string text = refusal("no-such-host.invalid", 80);
        EXPECT_EQ(text.find("connect to no-such-host.invalid:80: "), 0U) << text;
    });
}

TEST_P(Connection, BadArguments) {
    run([] {
        EXPECT_THROW(static_cast<void>(open_connection("127.0.0.1", 65536)), ValueError);
        EXPECT_THROW(static_cast<void>(open_connection("127.0.0.1", -1)), ValueError);
        EXPECT_THROW(static_cast<void>(open_connection("127.0.0.1", 1, {.limit = 0})), ValueError);
        const std::string with_zero("a\0b", 3);
        EXPECT_THROW(static_cast<void>(open_connection(with_zero, 1)), ValueError);
    });
    EXPECT_THROW(static_cast<void>(open_connection("127.0.0.1", 1)), RuntimeError);
}

// A listener that accepts nobody and whose backlog is full: connecting takes until somebody gives up.
TEST_P(Connection, CancelledWhileItConnects) {
    run([] {
        const RawSocket listening = RawSocket::listen(0);
        std::vector<Task<void>> connecting;
        for (int i = 0; i < 4; ++i) {
            connecting.push_back(spawn([&] {
                auto [reader, writer] = open_connection("127.0.0.1", listening.port());
                static_cast<void>(reader.read());
            }));
        }
        settle();
        for (const auto& task : connecting) {
            task.cancel();
            EXPECT_THROW(await(task), CancelledError);
        }
    });
}

/// How many threads this process has.
std::ptrdiff_t threads() {
    namespace fs = std::filesystem;
    return std::distance(fs::directory_iterator("/proc/self/task"), fs::directory_iterator());
}

TEST_P(Connection, CancelledLookUpEndsAtOnce) {
    const std::ptrdiff_t before = threads();
    run([] {
        for (int i = 0; i < 20; ++i) {
            auto connecting = spawn([] { static_cast<void>(refusal("no-such-host.invalid", 80)); });
            for (int k = 0; k < i; ++k) {
                yield();
            }
            connecting.cancel();
            try {
                await(connecting);
            } catch (const CancelledError&) {
            }
        }
    });
    // The look-ups go on by themselves, and end.
    while (threads() > before) {
        std::this_thread::yield();
    }
}

}  // namespace
}  // namespace weft::test
