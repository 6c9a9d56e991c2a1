#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <weft/errors.hpp>
#include <weft/task.hpp>

#include "fiber/sanitizer.hpp"
#include "io/raw_socket.hpp"
#include "io/stream_pair.hpp"
#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

constexpr int kSmallBuffer = 4096;

/// A connection whose peer reads only when the test says so, and whose socket takes little.
struct SlowPeer {
    SlowPeer() : peer(RawSocket::connect(listening.port(), kSmallBuffer)), end(listening.take()) {
        const int size = kSmallBuffer;
        ::setsockopt(end.writer.fileno(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }

    OneConnection listening;
    RawSocket peer;
    End end;
};

class Writer : public OnEveryRuntime {};
WEFT_ON_EVERY_RUNTIME(Writer);

TEST_P(Writer, SendsWhatIsWritten) {
    run([] {
        StreamPair pair = make_pair_of_streams();
        pair.client.writer.write("one ");
        const std::array<std::string_view, 4> pieces{"two ", "", "three ", "four"};
        pair.client.writer.writelines(pieces);
        pair.client.writer.write("");
        pair.client.writer.drain();
        EXPECT_EQ(pair.server.reader.readexactly(18), "one two three four");
        EXPECT_TRUE(pair.client.writer.can_write_eof());
        EXPECT_EQ(pair.client.writer.peername(), pair.server.writer.sockname());
        EXPECT_EQ(pair.client.writer.sockname(), pair.server.writer.peername());
    });
}

TEST_P(Writer, MorePiecesThanOneCallTakes) {
    run([] {
        StreamPair pair = make_pair_of_streams();
        const std::string sent = pattern(5000);
        std::vector<std::string_view> pieces;
        for (std::size_t at = 0; at < sent.size(); at += 50) {
            pieces.push_back(std::string_view(sent).substr(at, 50));
        }
        pair.client.writer.writelines(pieces);
        EXPECT_EQ(pair.server.reader.readexactly(5000), sent);
    });
}

TEST_P(Writer, SmallPacketsAreNotHeldBack) {
    run([] {
        StreamPair pair = make_pair_of_streams();
        for (const int fd : {pair.client.writer.fileno(), pair.server.writer.fileno()}) {
            int on = 0;
            socklen_t size = sizeof on;
            ASSERT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
            EXPECT_EQ(on, 1);
        }
    });
}

// Goal: drain() suspends above the high mark, goes on below the low one, and not before.
TEST_P(Writer, DrainWaitsForASlowPeer) {
    run([] {
        SlowPeer slow;
        const std::string sent = pattern(1 << 20);
        slow.end.writer.write(sent);
        auto draining = create_task([&] { slow.end.writer.drain(); });
        auto another = spawn([&] { slow.end.writer.drain(); });  // any number may
        settle();
        EXPECT_FALSE(draining.done());
        EXPECT_EQ(slow.peer.receive_exactly(1000), sent.substr(0, 1000));
        settle();
        EXPECT_FALSE(draining.done());
        Aside reading([&] {
            EXPECT_EQ(slow.peer.receive_exactly(sent.size() - 1000), sent.substr(1000));
        });
        await(draining);
        await(another);
        reading.wait();
        slow.end.writer.drain();
    });
}

TEST_P(Writer, DrainBelowTheMarkDoesNotWait) {
    run([] {
        SlowPeer slow;
        std::string sent = pattern(200'000);
        // Full socket buffers and then less than the high mark on top.
        while (unread_bytes(slow.peer.fd()) == 0) {
            slow.end.writer.write("x");
        }
        slow.end.writer.write(std::string(60'000, 'y'));
        slow.end.writer.drain();
        slow.end.writer.abort();
    });
}

// Tasks of several loops write at once; each write stays in one piece, and in each task's order.
TEST_P(Writer, ManyWritersOneStream) {
    run([] {
        constexpr int kWriters = 8;
        constexpr int rounds = scaled(2000);
        SlowPeer slow;
        std::vector<Task<void>> writers;
        for (int w = 0; w < kWriters; ++w) {
            writers.push_back(spawn([&slow, w] {
                for (int i = 0; i < rounds; ++i) {
                    std::string line = std::to_string(w) + ":" + std::to_string(i) + ":";
                    line.append(static_cast<std::size_t>((i * 37) % 500), 'x');
                    line += '\n';
                    if (i % 2 == 0) {
                        slow.end.writer.write(line);
                    } else {
                        const std::string_view whole(line);
                        const std::array<std::string_view, 2> halves{
                            whole.substr(0, 3), whole.substr(3)};
                        slow.end.writer.writelines(halves);
                    }
                    slow.end.writer.drain();
                }
            }));
        }
        std::string got;
        Aside reading([&] { got = slow.peer.receive_all(); });
        for (const auto& writer : writers) {
            await(writer);
        }
        slow.end.writer.close();
        slow.end.writer.wait_closed();
        reading.wait();
        std::array<int, kWriters> next{};
        std::size_t at = 0;
        while (at < got.size()) {
            const std::size_t end = got.find('\n', at);
            ASSERT_NE(end, std::string::npos);
            const auto writer = static_cast<std::size_t>(got[at] - '0');
            ASSERT_LT(writer, next.size());
            const int i = next[writer]++;
            const std::string head = std::to_string(writer) + ":" + std::to_string(i) + ":";
            ASSERT_EQ(got.substr(at, head.size()), head);
            ASSERT_EQ(end - at, head.size() + static_cast<std::size_t>((i * 37) % 500));
            at = end + 1;
        }
        for (const int count : next) {
            EXPECT_EQ(count, rounds);
        }
    });
}

TEST_P(Writer, HalfCloseBothWays) {
    run([] {
        StreamPair pair = make_pair_of_streams();
        pair.client.writer.write("question");
        pair.client.writer.write_eof();
        pair.client.writer.write_eof();
        EXPECT_THROW(pair.client.writer.write("more"), RuntimeError);
        EXPECT_EQ(pair.server.reader.read(), "question");
        pair.server.writer.write("answer");
        pair.server.writer.drain();
        EXPECT_EQ(pair.client.reader.readexactly(6), "answer");
        pair.server.writer.write_eof();
        EXPECT_EQ(pair.client.reader.read(), "");
        EXPECT_FALSE(pair.client.writer.is_closing());
    });
}

TEST_P(Writer, WriteEofComesAfterWhatIsQueued) {
    run([] {
        SlowPeer slow;
        const std::string sent = pattern(1 << 20);
        slow.end.writer.write(sent);
        slow.end.writer.write_eof();
        std::string got;
        Aside reading([&] { got = slow.peer.receive_all(); });
        slow.end.writer.drain();
        until([&] { return slow.end.writer.fileno() >= 0; });
        slow.peer.shut_down_sending();
        EXPECT_EQ(slow.end.reader.read(), "");
        reading.wait();
        EXPECT_EQ(got, sent);
    });
}

TEST_P(Writer, CloseSendsTheRest) {
    run([] {
        SlowPeer slow;
        const std::string sent = pattern(1 << 20);
        slow.end.writer.write(sent);
        slow.end.writer.close();
        EXPECT_TRUE(slow.end.writer.is_closing());
        EXPECT_GE(slow.end.writer.fileno(), 0);
        Aside reading([&] { EXPECT_EQ(slow.peer.receive_all(), sent); });
        slow.end.writer.wait_closed();
        EXPECT_EQ(slow.end.writer.fileno(), -1);
        reading.wait();
        slow.end.writer.write("dropped");
        EXPECT_THROW(slow.end.writer.drain(), OsError);
        EXPECT_EQ(slow.end.reader.read(), "");
        EXPECT_EQ(slow.end.writer.sockname(), "");
        slow.end.writer.close();
    });
}

TEST_P(Writer, DestroyedStreamsSendTheRest) {
    run([] {
        const std::string sent = pattern(1 << 20);
        RawSocket peer = [&] {
            SlowPeer slow;
            slow.end.writer.write(sent);
            return std::move(slow.peer);
        }();
        std::string got;
        Aside reading([&] { got = peer.receive_all(); });
        reading.wait();
        EXPECT_EQ(got, sent);
    });
}

TEST_P(Writer, AbortDropsTheRest) {
    run([] {
        SlowPeer slow;
        slow.end.writer.write(pattern(1 << 20));
        auto draining = create_task([&] { slow.end.writer.drain(); });
        settle();
        slow.end.writer.abort();
        slow.end.writer.wait_closed();
        EXPECT_THROW(await(draining), OsError);
        EXPECT_LT(slow.peer.receive_all().size(), 1U << 20);
    });
}

// Closing ends the read of another task: the stream has ended for it.
TEST_P(Writer, CloseEndsAnotherTasksRead) {
    run([] {
        for (int round = 0; round < scaled(200); ++round) {
            StreamPair pair = make_pair_of_streams();
            auto reading = spawn([&] { return pair.client.reader.read(10); });
            if (round % 2 == 0) {
                yield();
            }
            if (round % 3 == 0) {
                pair.client.writer.abort();
            } else {
                pair.client.writer.close();
            }
            EXPECT_EQ(await(reading), "");
            EXPECT_EQ(pair.server.reader.read(), "");
        }
    });
}

TEST_P(Writer, ResetByThePeer) {
    run([] {
        OneConnection listening;
        RawSocket peer = RawSocket::connect(listening.port());
        End end = listening.take();
        auto reading = create_task([&] { return end.reader.read(10); });
        yield();
        peer.reset();
        try {
            ADD_FAILURE() << await(reading);
        } catch (const OsError& error) {
            EXPECT_EQ(error.code().value(), ECONNRESET);
            EXPECT_NE(std::string(error.what()).find("read from 127.0.0.1:"), std::string::npos);
        }
        EXPECT_THROW(static_cast<void>(end.reader.read(10)), OsError);
        end.writer.write("dropped");
        EXPECT_THROW(end.writer.drain(), OsError);
        EXPECT_THROW(end.writer.wait_closed(), OsError);
        EXPECT_TRUE(end.writer.is_closing());
    });
}

// The peer is gone: writes must raise no signal, and drain() tells, also who waits in it.
TEST_P(Writer, WritingToNobodyIsAnErrorAndNoSignal) {
    run([] {
        SlowPeer slow;
        slow.end.writer.write(pattern(1 << 20));
        auto draining = create_task([&] { slow.end.writer.drain(); });
        settle();
        slow.peer.reset();
        EXPECT_THROW(await(draining), OsError);

        OneConnection listening;
        RawSocket peer = RawSocket::connect(listening.port());
        End end = listening.take();
        peer.close();
        const auto write_on = [&] {
            for (;;) {
                end.writer.write("x");
                end.writer.drain();
                sleep(std::chrono::microseconds(100));
            }
        };
        EXPECT_THROW(write_on(), OsError);
        EXPECT_THROW(end.writer.wait_closed(), OsError);
    });
}

TEST_P(Writer, CancelledDrainSendsAllTheSame) {
    run([] {
        SlowPeer slow;
        const std::string sent = pattern(1 << 20);
        slow.end.writer.write(sent);
        auto draining = create_task([&] { slow.end.writer.drain(); });
        auto closing = create_task([&] { slow.end.writer.wait_closed(); });
        settle();
        draining.cancel();
        closing.cancel();
        EXPECT_THROW(await(draining), CancelledError);
        EXPECT_THROW(await(closing), CancelledError);
        Aside reading([&] { EXPECT_EQ(slow.peer.receive_exactly(sent.size()), sent); });
        slow.end.writer.drain();
        reading.wait();
    });
}

#if !WEFT_ASAN && !WEFT_TSAN  // they do not live under RLIMIT_AS

/// While it lives there is no memory for another task: this one must not suspend, or some end.
class NoTaskMore {
public:
    NoTaskMore() {
        ::getrlimit(RLIMIT_AS, &before_);
        const rlimit nothing_more{0, before_.rlim_max};
        ::setrlimit(RLIMIT_AS, &nothing_more);
        try {
            for (;;) {
                create_task([] {});
            }
        } catch (const std::bad_alloc&) {
        }
    }
    NoTaskMore(const NoTaskMore&) = delete;
    NoTaskMore& operator=(const NoTaskMore&) = delete;
    ~NoTaskMore() { ::setrlimit(RLIMIT_AS, &before_); }

private:
    rlimit before_{};
};

/// Ends with 0 when what was queued without anybody to send it is sent by drain().
void send_without_a_task() {
    ::alarm(30);
    bool refused = false;
    std::string received;
    weft::run([&] {
        SlowPeer slow;
        std::size_t before = 0;
        const std::string much(4096, 'x');
        for (ssize_t count = 0; count >= 0;) {
            count = ::send(
                slow.end.writer.fileno(), much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL
            );
            before += count > 0 ? static_cast<std::size_t>(count) : 0;
        }
        {
            const NoTaskMore no_task;
            try {
                slow.end.writer.write("queued");
            } catch (const std::bad_alloc&) {
                refused = true;
            }
        }
        slow.end.writer.drain();
        Aside reads([&] { received = slow.peer.receive_exactly(before + 6); });
        reads.wait();
        received.erase(0, before);
    });
    std::_Exit(refused && received == "queued" ? 0 : 1);
}

// Goal: a write for which no task can be made is told of it, and not lost.
TEST(WriterDeathTest, DrainSendsWhatWasQueuedWithoutMemory) {
    EXPECT_EXIT(send_without_a_task(), ::testing::ExitedWithCode(0), "");
}

#endif

// asyncio drops what a loop did not send before it ended; the runtime must end, too.
TEST_P(Writer, RuntimeEndsWithDataUnsent) {
    std::optional<RawSocket> peer;
    run([&] {
        SlowPeer slow;
        slow.end.writer.write(pattern(4 << 20));
        peer.emplace(std::move(slow.peer));
    });
    EXPECT_LT(peer->receive_all().size(), 4U << 20);
}

// Streams that outlive their runtime can be destroyed, closed and nothing else.
TEST_P(Writer, StreamsOutliveTheirRuntime) {
    std::optional<End> kept;
    std::optional<RawSocket> peer;
    run([&] {
        OneConnection listening;
        peer.emplace(RawSocket::connect(listening.port()));
        kept.emplace(listening.take());
    });
    EXPECT_THROW(kept->writer.write("x"), RuntimeError);
    EXPECT_THROW(static_cast<void>(kept->reader.read(1)), RuntimeError);
    run([&] { EXPECT_THROW(kept->writer.drain(), RuntimeError); });
    kept->writer.close();
    kept.reset();
    EXPECT_EQ(peer->receive_all(), "");
}

}  // namespace
}  // namespace weft::test
