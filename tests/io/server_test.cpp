#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>
#include <weft/errors.hpp>
#include <weft/loop.hpp>
#include <weft/runtime.hpp>
#include <weft/task.hpp>

#include "io/raw_socket.hpp"
#include "io/stream_pair.hpp"
#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

class ServerTest : public OnEveryRuntime {};
WEFT_ON_EVERY_RUNTIME(ServerTest);

void echo(StreamReader reader, StreamWriter writer) {
    std::array<char, 4096> bytes{};
    while (const std::size_t count = reader.read_into(bytes)) {
        writer.write({bytes.data(), count});
        writer.drain();
    }
}

/// Sends `text` on a new connection, half-closes it, returns what comes back.
std::string ask(int port, const std::string& text) {
    auto [reader, writer] = open_connection("127.0.0.1", port);
    writer.write(text);
    writer.write_eof();
    return reader.read();
}

TEST_P(ServerTest, EchoesForEveryKindOfHandler) {
    run([] {
        for (const HandlerKind kind : {HandlerKind::Pinned, HandlerKind::Stealable}) {
            for (const bool on_every_loop : {false, true}) {
                const Server server = start_server(
                    &echo, "127.0.0.1", 0, {.kind = kind, .on_every_loop = on_every_loop}
                );
                EXPECT_TRUE(server.is_serving());
                std::vector<Task<std::string>> clients;
                for (int i = 0; i < 20; ++i) {
                    const std::string text = pattern(static_cast<std::size_t>(i * i * 997));
                    clients.push_back(spawn([port = server.port(), text] {
                        const std::string back = ask(port, text);
                        return back == text ? std::string() : back;
                    }));
                }
                for (const auto& client : clients) {
                    EXPECT_EQ(await(client), "");
                }
                server.close();
                server.wait_closed();
                EXPECT_EQ(server.connections(), 0U);
            }
        }
    });
}

TEST_P(ServerTest, ManyConnections) {
    run([] {
        const int count = scaled_tasks(1000) / 2;
        const Server server = start_server(
            &echo, "127.0.0.1", 0, {.kind = HandlerKind::Stealable, .on_every_loop = true}
        );
        std::vector<Task<bool>> clients;
        for (int i = 0; i < count; ++i) {
            clients.push_back(spawn([port = server.port(), i] {
                auto [reader, writer] = open_connection("127.0.0.1", port);
                for (int k = 0; k < 10; ++k) {
                    const std::string line = std::to_string(i) + "." + std::to_string(k) + "\n";
                    writer.write(line);
                    if (reader.readline() != line) {
                        return false;
                    }
                }
                return true;
            }));
        }
        for (const auto& client : clients) {
            EXPECT_TRUE(await(client));
        }
        server.close();
        server.wait_closed();
    });
}

// Pinned handlers run where their connection was accepted; the kernel uses every loop's socket.
TEST_P(ServerTest, OnEveryLoop) {
    run([] {
        std::array<std::atomic<int>, 4> per_loop{};
        const Server server = start_server(
            [&](StreamReader reader, StreamWriter writer) {
                const int before = get_running_loop().index();
                static_cast<void>(reader.read());
                EXPECT_EQ(get_running_loop().index(), before);
                ++per_loop[static_cast<std::size_t>(before)];
                writer.write("done");
            },
            "127.0.0.1",
            0,
            {.on_every_loop = true}
        );
        constexpr int kConnections = 200;
        for (int i = 0; i < kConnections; ++i) {
            EXPECT_EQ(ask(server.port(), "x"), "done");
        }
        int sum = 0;
        for (int i = 0; i < workers(); ++i) {
            EXPECT_GT(per_loop[static_cast<std::size_t>(i)], 0) << "loop " << i;
            sum += per_loop[static_cast<std::size_t>(i)];
        }
        EXPECT_EQ(sum, kConnections);
        server.close();
        server.wait_closed();
    });
}

TEST_P(ServerTest, PortTakenIsNamed) {
    run([] {
        const auto refusal = [](int port, bool on_every_loop) -> std::string {
            try {
                start_server(&echo, "127.0.0.1", port, {.on_every_loop = on_every_loop});
                return "listens";
            } catch (const OsError& error) {
                EXPECT_EQ(error.code().value(), EADDRINUSE);
                return error.what();
            }
        };
        for (const bool ours_on_every_loop : {false, true}) {
            const Server ours =
                start_server(&echo, "127.0.0.1", 0, {.on_every_loop = ours_on_every_loop});
            for (const bool on_every_loop : {false, true}) {
                EXPECT_EQ(
                    refusal(ours.port(), on_every_loop),
                    "listen on 127.0.0.1:" + std::to_string(ours.port()) +
                        ": Address already in use"
                );
            }
            EXPECT_EQ(ask(ours.port(), "still here"), "still here");
            ours.close();
        }
    });
}

TEST_P(ServerTest, ReusePortShares) {
    run([] {
        const Server first = start_server(&echo, "127.0.0.1", 0, {.reuse_port = true});
        const Server second = start_server(&echo, "127.0.0.1", first.port(), {.reuse_port = true});
        EXPECT_EQ(first.port(), second.port());
        EXPECT_EQ(ask(first.port(), "either"), "either");
    });
}

TEST_P(ServerTest, BadArguments) {
    run([] {
        EXPECT_THROW(start_server(&echo, "127.0.0.1", 70000), ValueError);
        EXPECT_THROW(start_server(&echo, "127.0.0.1", 0, {.backlog = 0}), ValueError);
        EXPECT_THROW(start_server(&echo, "127.0.0.1", 0, {.limit = 0}), ValueError);
        EXPECT_THROW(start_server(&echo, "no-such-host.invalid", 0), OsError);
        EXPECT_THROW(start_server(&echo, "192.0.2.1", 0), OsError);  // nobody's address
    });
    EXPECT_THROW(start_server(&echo, "127.0.0.1", 0), RuntimeError);
}

TEST_P(ServerTest, LocalhostAndAllAddresses) {
    run([] {
        for (const char* host : {"localhost", ""}) {
            const Server server = start_server(&echo, host, 0);
            EXPECT_EQ(ask(server.port(), "hello"), "hello");
            server.close();
        }
    });
}

// Goal: close() stops accepting and leaves connections alone; wait_closed() waits for these.
TEST_P(ServerTest, CloseLeavesConnectionsAlone) {
    run([] {
        const Server server = start_server(&echo, "127.0.0.1", 0, {.on_every_loop = true});
        auto [reader, writer] = open_connection("127.0.0.1", server.port());
        writer.write("a");
        EXPECT_EQ(reader.readexactly(1), "a");
        EXPECT_EQ(server.connections(), 1U);
        server.close();
        server.close();
        EXPECT_FALSE(server.is_serving());
        EXPECT_THROW(ask(server.port(), "x"), OsError);
        auto waiting = create_task([&] { server.wait_closed(); });
        settle();
        EXPECT_FALSE(waiting.done());
        writer.write("b");
        EXPECT_EQ(reader.readexactly(1), "b");
        writer.close();
        await(waiting);
        EXPECT_EQ(server.connections(), 0U);
    });
}

TEST_P(ServerTest, ServeForeverUntilClosedOrCancelled) {
    run([] {
        const Server server = start_server(&echo, "127.0.0.1", 0);
        auto serving = create_task([&] { server.serve_forever(); });
        EXPECT_EQ(ask(server.port(), "x"), "x");
        server.close();
        await(serving);

        const Server other = start_server(&echo, "127.0.0.1", 0);
        auto cancelled = create_task([&] { other.serve_forever(); });
        settle();
        cancelled.cancel();
        EXPECT_THROW(await(cancelled), CancelledError);
        EXPECT_FALSE(other.is_serving());
        other.wait_closed();
    });
}

// As a signal handler's thread would do it.
TEST_P(ServerTest, ClosedByAPlainThread) {
    run([] {
        const Server server = start_server(&echo, "127.0.0.1", 0, {.on_every_loop = true});
        EXPECT_EQ(ask(server.port(), "x"), "x");
        Aside closing([&] { server.close(); });
        server.serve_forever();
        server.wait_closed();
        closing.wait();
        until([&] {
            try {
                ask(server.port(), "x");
                return false;
            } catch (const OsError&) {
                return true;
            }
        });
    });
}

TEST_P(ServerTest, HandlesOutliveTheRuntime) {
    std::optional<Server> kept;
    run([&] { kept = start_server(&echo, "127.0.0.1", 0); });
    EXPECT_FALSE(kept->is_serving());
    kept->close();
}

// Goal: what a handler throws is logged once, with the peer; the server and the others go on.
TEST_P(ServerTest, HandlerThatThrows) {
    const LogCapture log;
    run([&] {
        for (const HandlerKind kind : {HandlerKind::Pinned, HandlerKind::Stealable}) {
            const Server server = start_server(
                [](StreamReader reader, StreamWriter writer) {
                    writer.write(reader.readline());
                    throw std::runtime_error("the handler is unwell");
                },
                "127.0.0.1",
                0,
                {.kind = kind}
            );
            for (int i = 0; i < 3; ++i) {
                auto [reader, writer] = open_connection("127.0.0.1", server.port());
                const std::string name = writer.sockname();
                writer.write("line\n");
                EXPECT_EQ(reader.read(), "line\n");
                until([&] { return log.count("handler of " + name) == 1; });
            }
            server.close();
            server.wait_closed();
        }
    });
    EXPECT_EQ(log.count("the handler is unwell"), 6);
}

// The handler may hand its streams on; the connection lives as long as they do.
TEST_P(ServerTest, StreamsLeaveTheHandler) {
    run([] {
        StreamPair pair = make_pair_of_streams();
        settle();
        pair.server.writer.write("still open");
        EXPECT_EQ(pair.client.reader.readexactly(10), "still open");
        pair.server = make_pair_of_streams().server;
        EXPECT_EQ(pair.client.reader.read(), "");
    });
}

// Goal: numbers of closed descriptors are used again at once, while events for the old ones are on
// their way; nobody may get another's bytes or another's end.
TEST_P(ServerTest, DescriptorsAreReusedAtOnce) {
    run([] {
        constexpr int rounds = scaled(2000);
        const Server server = start_server(
            [](StreamReader reader, StreamWriter writer) {
                const std::string line = reader.readline();
                writer.write(line);
                if (line.size() % 2 == 0) {
                    writer.abort();
                } else {
                    writer.close();
                }
            },
            "127.0.0.1",
            0,
            {.kind = HandlerKind::Stealable, .on_every_loop = true}
        );
        std::vector<Task<void>> clients;
        for (int c = 0; c < 8; ++c) {
            clients.push_back(spawn([&server, c] {
                for (int i = 0; i < rounds; ++i) {
                    auto [reader, writer] = open_connection("127.0.0.1", server.port());
                    const std::string line = std::to_string(c * 100'000 + i) + "\n";
                    auto reading = spawn([&from = reader] { return from.read(); });
                    writer.write(line);
                    if (i % 5 == 0) {
                        writer.abort();
                        const std::string got = await(reading);
                        ASSERT_TRUE(got.empty() || got == line) << got;
                    } else {
                        ASSERT_EQ(await(reading), line);
                    }
                }
            }));
        }
        for (const auto& client : clients) {
            await(client);
        }
        server.close();
        server.wait_closed();
    });
}

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Lets the process open few descriptors more than it has, until the end of the scope.
class FewDescriptors {
public:
    explicit FewDescriptors(int more) {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const int next = ::dup(0);  // the lowest free number
        ::close(next);
        rlimit less = before_;
        less.rlim_cur = static_cast<rlim_t>(next + more);
        ::setrlimit(RLIMIT_NOFILE, &less);
    }
    FewDescriptors(const FewDescriptors&) = delete;
    FewDescriptors& operator=(const FewDescriptors&) = delete;
    ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

// Goal: without descriptors for another connection there is a line in the log, no spinning, and
// everybody is served when there are some again. 60 clients of another process.
TEST_P(ServerTest, RunsOutOfDescriptors) {
    const LogCapture log;
    run([&] {
        const Server server = start_server(&echo, "127.0.0.1", 0);
        OneConnection started;  // tells that Python needs no more of our descriptors
        std::optional<FewDescriptors> few;
        PythonResult result{};
        const std::string program = R"(
import socket, sys
control = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
control.recv(1)
peers = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(60)]
for peer in peers:
    peer.sendall(b"x")
    peer.settimeout(30)
served = 0
for peer in peers:
    served += peer.recv(1) == b"x"
    peer.close()
print(served)
)";
        Aside clients([&] {
            result = run_python(
                program, std::to_string(server.port()) + " " + std::to_string(started.port())
            );
        });
        End control = started.take();
        few.emplace(4);
        control.writer.write("!");
        until([&] { return log.count("accept on 127.0.0.1:") >= 1; });
        const double before = cpu_seconds();
        sleep(std::chrono::milliseconds(500));
        EXPECT_LT(cpu_seconds() - before, kTsan || kAsan ? 0.4 : 0.2);
        few.reset();
        clients.wait();
        EXPECT_EQ(result.output, "60\n");
        EXPECT_LE(log.count("accept on 127.0.0.1:"), 3);
        EXPECT_GE(log.count("Too many open files"), 1);
        server.close();
        server.wait_closed();
    });
}

// A Python program of asyncio's as the client, and one as the server.
TEST_P(ServerTest, AsyncioClient) {
    run([] {
        const Server server = start_server(&echo, "127.0.0.1", 0, {.on_every_loop = true});
        const std::string program = R"(
import asyncio, sys
async def client(number):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    for i in range(20):
        line = b"%d.%d\n" % (number, i)
        writer.write(line)
        assert await reader.readline() == line
    data = bytes(range(256)) * 2000
    writer.write(data)
    writer.write_eof()
    assert await reader.read() == data
    writer.close()
    await writer.wait_closed()
async def main():
    await asyncio.gather(*(client(i) for i in range(10)))
    print("fine")
asyncio.run(main())
)";
        PythonResult result{};
        Aside client([&] { result = run_python(program, std::to_string(server.port())); });
        client.wait();
        EXPECT_EQ(result.output, "fine\n");
        EXPECT_EQ(result.status, 0);
    });
}

TEST_P(ServerTest, AsyncioServer) {
    run([] {
        // It connects back to say which port it listens on.
        OneConnection report;
        const std::string program = R"(
import asyncio, sys
async def handle(reader, writer):
    writer.write(b"hello\n")
    while data := await reader.read(1000):
        writer.write(data)
        await writer.drain()
    writer.write_eof()
    writer.close()
async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    writer.write(b"%d\n" % server.sockets[0].getsockname()[1])
    await reader.read()
asyncio.run(main())
)";
        PythonResult result{};
        Aside python([&] { result = run_python(program, std::to_string(report.port())); });
        {
            End control = report.take();
            const int port = std::stoi(control.reader.readline());
            std::vector<Task<void>> clients;
            for (int i = 0; i < 5; ++i) {
                clients.push_back(spawn([port] {
                    const std::string sent = pattern(300'000);
                    auto [reader, writer] = open_connection("127.0.0.1", port);
                    EXPECT_EQ(reader.readline(), "hello\n");
                    writer.write(sent);
                    writer.write_eof();
                    EXPECT_EQ(reader.read(), sent);
                }));
            }
            for (const auto& client : clients) {
                await(client);
            }
        }
        python.wait();
        EXPECT_EQ(result.status, 0) << result.output;
    });
}

}  // namespace
}  // namespace weft::test
