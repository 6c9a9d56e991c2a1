#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>
#include <weft/errors.hpp>
#include <weft/task.hpp>

#include "io/raw_socket.hpp"
#include "io/stream_pair.hpp"
#include "support/runtime_fixture.hpp"

namespace weft::test {
namespace {

using Chunks = std::vector<std::string>;

/// Runs `read(reader)` while the chunks come in, each only after the reader has taken the one
/// before, so that it sees every border; then the end of the stream.
template <class F>
void while_chunks_come(const Chunks& chunks, std::size_t limit, F&& read) {
    StreamPair pair = make_pair_of_streams(limit);
    auto reading = create_task([&] { read(pair.server.reader); });
    for (const std::string& chunk : chunks) {
        pair.client.writer.write(chunk);
        until([&] { return reading.done() || unread_bytes(pair.server.writer.fileno()) == 0; });
    }
    pair.client.writer.write_eof();
    await(reading);
}

class Reader : public OnEveryRuntime {};
WEFT_ON_EVERY_RUNTIME(Reader);

TEST_P(Reader, ReadReturnsWhatIsThere) {
    run([] {
        StreamPair pair = make_pair_of_streams();
        pair.client.writer.write("hello");
        EXPECT_EQ(pair.server.reader.read(2), "he");
        EXPECT_EQ(pair.server.reader.read(100), "llo");
        EXPECT_EQ(pair.server.reader.read(0), "");
        EXPECT_FALSE(pair.server.reader.at_eof());
        pair.client.writer.write_eof();
        EXPECT_EQ(pair.server.reader.read(100), "");
        EXPECT_TRUE(pair.server.reader.at_eof());
        EXPECT_EQ(pair.server.reader.read(100), "");
    });
}

TEST_P(Reader, ReadsUpToTheEnd) {
    run([] {
        const std::string sent = pattern(1 << 20);
        StreamPair pair = make_pair_of_streams();
        auto writing = spawn([&] {
            pair.client.writer.write(sent);
            pair.client.writer.write_eof();
        });
        EXPECT_EQ(pair.server.reader.read(), sent);
        EXPECT_EQ(pair.server.reader.read(), "");
        await(writing);
    });
}

// Goal: a byte of urgent data, before which a receive stops short, does not hide what is behind it.
TEST_P(Reader, GoesOnBehindUrgentData) {
    run([] {
        for (int round = 0; round < scaled(200); ++round) {
            OneConnection listening;
            RawSocket peer = RawSocket::connect(listening.port());
            const auto send_all = [&] {
                peer.send("abc");
                EXPECT_EQ(::send(peer.fd(), "X", 1, MSG_OOB), 1);
                peer.send("def");
            };
            if (round % 2 == 0) {
                send_all();
            }
            End connection = listening.take();
            if (round % 2 != 0) {
                send_all();
            }
            EXPECT_EQ(connection.reader.readexactly(3), "abc");
            EXPECT_EQ(connection.reader.readexactly(3), "def");
        }
    });
}

// Data and the end of the stream are there before the first receive: both must be found.
TEST_P(Reader, FindsTheEndThatCameWithTheData) {
    run([] {
        for (int round = 0; round < scaled(200); ++round) {
            OneConnection listening;
            RawSocket peer = RawSocket::connect(listening.port());
            peer.send("last words");
            if (round % 2 == 0) {
                peer.shut_down_sending();
            } else {
                peer.close();
            }
            End end = listening.take();
            EXPECT_EQ(end.reader.read(100), "last words");
            EXPECT_EQ(end.reader.read(100), "");
        }
    });
}

TEST_P(Reader, ReadIntoFillsTheCallersMemory) {
    run([] {
        StreamPair pair = make_pair_of_streams();
        std::array<char, 4> memory{};
        pair.client.writer.write("line\nabcdef");
        EXPECT_EQ(pair.server.reader.read_into({}), 0U);
        EXPECT_EQ(pair.server.reader.readline(), "line\n");
        EXPECT_EQ(pair.server.reader.read_into(memory), 4U);
        EXPECT_EQ(std::string_view(memory.data(), 4), "abcd");
        EXPECT_EQ(pair.server.reader.read_into(memory), 2U);
        EXPECT_EQ(std::string_view(memory.data(), 2), "ef");
        pair.client.writer.write("xyz");
        EXPECT_EQ(pair.server.reader.read_into(memory), 3U);
        pair.client.writer.close();
        EXPECT_EQ(pair.server.reader.read_into(memory), 0U);
    });
}

TEST_P(Reader, ReadexactlyOverBorders) {
    run([] {
        while_chunks_come({"ab", "c", "defg", "h"}, 64, [](StreamReader& reader) {
            EXPECT_EQ(reader.readexactly(0), "");
            EXPECT_EQ(reader.readexactly(1), "a");
            EXPECT_EQ(reader.readexactly(5), "bcdef");
            try {
                static_cast<void>(reader.readexactly(3));
                ADD_FAILURE() << "the stream has only 2 bytes left";
            } catch (const IncompleteReadError& error) {
                EXPECT_EQ(error.partial(), "gh");
                EXPECT_EQ(error.expected(), 3U);
            }
            EXPECT_EQ(reader.read(), "");
            EXPECT_THROW(static_cast<void>(reader.readexactly(-1)), ValueError);
        });
    });
}

TEST_P(Reader, ReadexactlyOfMoreThanTheLimit) {
    run([] {
        const std::string sent = pattern(300'000);
        StreamPair pair = make_pair_of_streams(16);
        pair.client.writer.write(sent);
        EXPECT_EQ(pair.server.reader.readexactly(299'999), sent.substr(0, 299'999));
        EXPECT_EQ(pair.server.reader.readexactly(1), sent.substr(299'999));
    });
}

struct UntilCase {
    const char* what;
    Chunks chunks;
    std::string separator;
    std::size_t limit;
    Chunks found;      // by one readuntil() after the other
    std::string rest;  // the partial result of the last one
};

TEST_P(Reader, ReaduntilTable) {
    const std::vector<UntilCase> cases{
        {"one chunk", {"a\nb\n"}, "\n", 16, {"a\n", "b\n"}, ""},
        {"separator first", {"\n\n"}, "\n", 16, {"\n", "\n"}, ""},
        {"over borders", {"a", "b", "\n", "c", "\nd"}, "\n", 16, {"ab\n", "c\n"}, "d"},
        {"split separator", {"a\r", "\nb\r\n"}, "\r\n", 16, {"a\r\n", "b\r\n"}, ""},
        {"false start", {"a\r", "\r", "\n"}, "\r\n", 16, {"a\r\r\n"}, ""},
        {"three parts", {"xA", "B", "Cy"}, "ABC", 16, {"xABC"}, "y"},
        {"half a separator at the end", {"aAB"}, "ABC", 16, {}, "aAB"},
        {"exactly the limit", {"12345678\n"}, "\n", 8, {"12345678\n"}, ""},
        {"the limit, by bytes", {"1234", "5678", "\n"}, "\n", 8, {"12345678\n"}, ""},
        {"long separator", {"1234", "=====", "=====x"}, "==========", 4, {"1234=========="}, "x"},
        {"nothing", {}, "\n", 16, {}, ""},
    };
    for (const UntilCase& each : cases) {
        SCOPED_TRACE(each.what);
        run([&] {
            while_chunks_come(each.chunks, each.limit, [&](StreamReader& reader) {
                for (const std::string& expected : each.found) {
                    EXPECT_EQ(reader.readuntil(each.separator), expected);
                }
                try {
                    ADD_FAILURE() << reader.readuntil(each.separator);
                } catch (const IncompleteReadError& error) {
                    EXPECT_EQ(error.partial(), each.rest);
                    EXPECT_EQ(error.expected(), 0U);
                }
            });
        });
    }
}

TEST_P(Reader, OverTheLimitTheDataStay) {
    run([] {
        while_chunks_come({"12345", "6789\nab\n"}, 8, [](StreamReader& reader) {
            try {
                ADD_FAILURE() << reader.readuntil();
            } catch (const LimitOverrunError& error) {
                EXPECT_EQ(error.consumed(), 9U);  // found, but too far
            }
            EXPECT_EQ(reader.readexactly(9), "123456789");
            EXPECT_EQ(reader.readuntil(), "\n");
            EXPECT_EQ(reader.readuntil(), "ab\n");
        });
        while_chunks_come({"123456789012", "345"}, 8, [](StreamReader& reader) {
            try {
                ADD_FAILURE() << reader.readuntil();
            } catch (const LimitOverrunError& error) {
                EXPECT_GT(error.consumed(), 8U);  // not found
                EXPECT_LE(error.consumed(), 16U);
            }
            EXPECT_EQ(reader.read(), "123456789012345");
        });
        while_chunks_come({"x"}, 8, [](StreamReader& reader) {
            EXPECT_THROW(static_cast<void>(reader.readuntil("")), ValueError);
        });
    });
}

TEST_P(Reader, ReadlineDropsALineThatIsTooLong) {
    run([] {
        while_chunks_come({"short\n", "1234567890\n", "next\nlast"}, 8, [](StreamReader& reader) {
            EXPECT_EQ(reader.readline(), "short\n");
            EXPECT_THROW(static_cast<void>(reader.readline()), ValueError);
            EXPECT_EQ(reader.readline(), "next\n");
            EXPECT_EQ(reader.readline(), "last");
            EXPECT_EQ(reader.readline(), "");
        });
        while_chunks_come({"123456789012"}, 8, [](StreamReader& reader) {
            EXPECT_THROW(static_cast<void>(reader.readline()), ValueError);
            EXPECT_EQ(reader.readline(), "");
        });
    });
}

// A peer that sends without an end into a reader that looks for a separator: what is held stays
// within twice the limit, and the peer is slowed down.
TEST_P(Reader, HoldsAtMostTwiceTheLimit) {
    run([] {
        constexpr std::size_t kLimit = 4096;
        StreamPair pair = make_pair_of_streams(kLimit);
        auto flood = create_task([&] {
            const std::string part(64 * 1024, 'x');
            for (;;) {
                pair.client.writer.write(part);
                pair.client.writer.drain();
            }
        });
        for (int i = 0; i < 10; ++i) {
            try {
                ADD_FAILURE() << pair.server.reader.readuntil();
            } catch (const LimitOverrunError& error) {
                EXPECT_LE(error.consumed(), 2 * kLimit);
                EXPECT_LE(pair.server.reader.read(1'000'000).size(), 2 * kLimit);
            }
        }
        flood.cancel();
        EXPECT_THROW(await(flood), CancelledError);
        pair.client.writer.abort();
    });
}

TEST_P(Reader, OneAtATime) {
    run([] {
        StreamPair pair = make_pair_of_streams();
        auto first = create_task([&] { return pair.server.reader.read(10); });
        yield();
        EXPECT_THROW(static_cast<void>(pair.server.reader.read(10)), RuntimeError);
        EXPECT_THROW(static_cast<void>(pair.server.reader.readline()), RuntimeError);
        pair.client.writer.write("x");
        EXPECT_EQ(await(first), "x");
        pair.client.writer.write("y");
        EXPECT_EQ(pair.server.reader.read(10), "y");
    });
}

std::string read_somehow(StreamReader& reader, int choice) {
    switch (choice % 4) {
        case 0:
            return reader.read(5);
        case 1:
            return reader.readexactly(11);
        case 2:
            return reader.readuntil("7\n");
        default:
            return reader.readline();
    }
}

// Goal: a read that is cancelled, at whatever moment, loses no byte and tears none out of order.
TEST_P(Reader, CancelledReadsLoseNothing) {
    run([] {
        const int rounds = scaled(10'000);
        StreamPair pair = make_pair_of_streams();
        auto writing = spawn([&] {
            for (int i = 0; i < rounds; ++i) {
                std::array<char, 16> text{};  // eight of them are used
                std::snprintf(text.data(), text.size(), "%07d\n", i);
                pair.client.writer.write({text.data(), 8});
                if (i % 3 == 0) {
                    yield();
                }
            }
            pair.client.writer.write_eof();
        });
        std::string got;
        int cancelled = 0;
        bool ended = false;
        for (int i = 0; !ended; ++i) {
            // The task keeps what it read: a result is lost when its task is cancelled at the end.
            auto reading = spawn([&, i] {
                try {
                    const std::string part = read_somehow(pair.server.reader, i);
                    got += part;
                    ended = part.empty();
                } catch (const IncompleteReadError& error) {
                    got += error.partial();
                    ended = true;
                }
            });
            for (int k = 0; k < i % 5; ++k) {
                yield();
            }
            if (cancelled < rounds) {
                reading.cancel();
            }
            try {
                await(reading);
            } catch (const CancelledError&) {
                ++cancelled;
            }
        }
        await(writing);
        ASSERT_EQ(got.size(), static_cast<std::size_t>(rounds) * 8);
        for (int i = 0; i < rounds; ++i) {
            ASSERT_EQ(std::stoi(got.substr(static_cast<std::size_t>(i) * 8, 7)), i);
        }
        EXPECT_GT(cancelled, 0);
    });
}

// A read of everything, cancelled half-way, leaves what it had for the next one.
TEST_P(Reader, CancelledReadOfEverythingKeepsWhatCame) {
    run([] {
        StreamPair pair = make_pair_of_streams();
        for (const bool exactly : {false, true}) {
            auto reading = create_task([&] {
                return exactly ? pair.server.reader.readexactly(100) : pair.server.reader.read();
            });
            pair.client.writer.write("abc");
            until([&] { return unread_bytes(pair.server.writer.fileno()) == 0; });
            reading.cancel();
            EXPECT_THROW(await(reading), CancelledError);
            EXPECT_EQ(pair.server.reader.read(10), "abc");
        }
    });
}

// A peer that sends faster than one task reads must not keep the loop from the others.
TEST(ReaderFairness, AFastPeerDoesNotStarveTheLoop) {
    RuntimeOptions options;
    options.workers = 1;
    run(
        [] {
            OneConnection listening;
            Aside peer([port = listening.port()] {
                const RawSocket socket = RawSocket::connect(port);
                socket.send(std::string(32 << 20, 'x'));
            });
            End end = listening.take();
            bool done = false;
            int turns = 0;
            auto other = create_task([&] {
                while (!done) {
                    ++turns;
                    yield();
                }
            });
            std::array<char, 1024> memory{};
            int reads = 0;
            while (end.reader.read_into(memory) > 0) {
                ++reads;
            }
            done = true;
            await(other);
            peer.wait();
            EXPECT_GE(turns, reads / 32);
        },
        options
    );
}

// The same where all is there already, so that no read ever waits.
TEST(ReaderFairness, AFullBufferDoesNotStarveTheLoop) {
    constexpr int kBytes = 64 * 1024;
    constexpr int kPerRead = 16;
    RuntimeOptions options;
    options.workers = 1;
    run(
        [] {
            OneConnection listening;
            RawSocket peer = RawSocket::connect(listening.port());
            End end = listening.take();
            peer.send(std::string(kBytes, 'x'));
            until([&] { return unread_bytes(end.writer.fileno()) == kBytes; });
            bool done = false;
            int turns = 0;
            auto other = create_task([&] {
                while (!done) {
                    ++turns;
                    yield();
                }
            });
            std::array<char, kPerRead> memory{};
            for (int read = 0; read < kBytes / kPerRead; ++read) {
                ASSERT_EQ(end.reader.read_into(memory), memory.size());
            }
            done = true;
            await(other);
            EXPECT_GE(turns, kBytes / kPerRead / 32);
        },
        options
    );
}

}  // namespace
}  // namespace weft::test
