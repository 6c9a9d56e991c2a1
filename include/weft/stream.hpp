#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace weft {

namespace detail {
class StreamState;
}

/// How many bytes a reader looks for a separator in; it never holds more than twice as many.
inline constexpr std::size_t kDefaultStreamLimit = 64 * 1024;

/// The receiving end of a connection.
///
/// Nothing is received before somebody reads: a peer is slowed down by TCP alone. A cancelled read
/// loses nothing; the next one has it. Destroying reader and writer closes the connection.
///
/// Threads   any loop of its runtime, one reading task at a time; destroyed anywhere.
/// asyncio   StreamReader
class StreamReader {
public:
    StreamReader(StreamReader&& other) noexcept;
    StreamReader& operator=(StreamReader&& other) noexcept;
    StreamReader(const StreamReader&) = delete;
    StreamReader& operator=(const StreamReader&) = delete;
    ~StreamReader();

    /// Reads what is there, at most `count` bytes, waiting for the first; a negative count: all up
    /// to the end of the stream.
    ///
    /// Suspends      while there is nothing.
    /// Cancellation  safe: no byte is lost.
    /// Errors        CancelledError; RuntimeError while another task reads; OsError when the
    ///               connection was lost.
    /// Returns       an empty string at the end of the stream.
    /// asyncio       StreamReader.read
    [[nodiscard]] std::string read(std::ptrdiff_t count = -1);

    /// The same into memory of the caller: no copy, no allocation.
    ///
    /// Returns       how many bytes; 0 at the end of the stream.
    /// asyncio       none
    [[nodiscard]] std::size_t read_into(std::span<char> into);

    /// Reads exactly `count` bytes.
    ///
    /// Suspends      until they have come.
    /// Cancellation  safe: no byte is lost.
    /// Errors        as read(); IncompleteReadError with the rest when the stream ends before;
    ///               ValueError for a negative count.
    /// asyncio       StreamReader.readexactly
    [[nodiscard]] std::string readexactly(std::ptrdiff_t count);

    /// Reads up to and with the first `separator`.
    ///
    /// Suspends      until it has come.
    /// Cancellation  safe: no byte is lost.
    /// Errors        as read(); IncompleteReadError with the rest when the stream ends before;
    ///               LimitOverrunError when what stands before it is longer than the limit, and the
    ///               bytes stay; ValueError for an empty separator.
    /// asyncio       StreamReader.readuntil
    [[nodiscard]] std::string readuntil(std::string_view separator = "\n");

    /// Reads a line with its newline; at the end of the stream what is left, perhaps nothing.
    ///
    /// Suspends      until it has come.
    /// Cancellation  safe: no byte is lost.
    /// Errors        as read(); ValueError when the line is longer than the limit: it is dropped,
    /// or
    ///               as much of it as had come.
    /// asyncio       StreamReader.readline
    [[nodiscard]] std::string readline();

    /// Returns whether the end of the stream was met and everything before it was read.
    ///
    /// asyncio   StreamReader.at_eof
    [[nodiscard]] bool at_eof() const;

    /// For weft's own code.
    explicit StreamReader(std::shared_ptr<detail::StreamState> state) noexcept;

private:
    [[nodiscard]] detail::StreamState& state() const;

    std::shared_ptr<detail::StreamState> state_;
};

/// The sending end of a connection.
///
/// write() sends at once what the socket takes and keeps the rest, which is sent when it can be;
/// drain() waits while that is too much. Destroying reader and writer closes the connection when
/// all is sent.
///
/// Threads   any loop of its runtime, any number of tasks; each write() stays in one piece.
/// close(),
///           abort() and the destructor anywhere.
/// asyncio   StreamWriter
class StreamWriter {
public:
    StreamWriter(StreamWriter&& other) noexcept;
    StreamWriter& operator=(StreamWriter&& other) noexcept;
    StreamWriter(const StreamWriter&) = delete;
    StreamWriter& operator=(const StreamWriter&) = delete;
    ~StreamWriter();

    /// Sends `bytes`. When the connection is closing or lost they are dropped, and drain() says so.
    ///
    /// Suspends  never.
    /// Errors    RuntimeError after write_eof(); std::bad_alloc.
    /// asyncio   StreamWriter.write
    void write(std::string_view bytes);

    /// Sends several pieces as one.
    ///
    /// Suspends  never.
    /// Errors    as write().
    /// asyncio   StreamWriter.writelines
    void writelines(std::span<const std::string_view> pieces);

    /// Waits while too much is still to be sent: above 64 KiB, until it is down to 16 KiB.
    ///
    /// Suspends      as said; for one turn when the connection is closing.
    /// Cancellation  safe: what was written is sent all the same.
    /// Errors        CancelledError; OsError when the connection was lost or is closed.
    /// asyncio       StreamWriter.drain
    void drain();

    /// Tells the peer that nothing more will come, when all is sent. Reading goes on.
    ///
    /// Suspends  never.
    /// asyncio   StreamWriter.write_eof
    void write_eof();

    /// Returns true: a TCP connection can be closed by halves.
    ///
    /// asyncio   StreamWriter.can_write_eof
    [[nodiscard]] bool can_write_eof() const noexcept { return true; }

    /// Closes the connection when all is sent. Whoever reads then finds the end of the stream.
    ///
    /// Suspends  never.
    /// Threads   any.
    /// asyncio   StreamWriter.close
    void close();

    /// Closes the connection now; what is not sent yet is dropped.
    ///
    /// Suspends  never.
    /// Threads   any.
    /// asyncio   transport.abort
    void abort();

    /// Returns whether it is closed or about to be.
    ///
    /// asyncio   StreamWriter.is_closing
    [[nodiscard]] bool is_closing() const;

    /// Waits until the connection is closed.
    ///
    /// Suspends      until then.
    /// Cancellation  safe.
    /// Errors        CancelledError; OsError when it was lost instead.
    /// asyncio       StreamWriter.wait_closed
    void wait_closed();

    /// Returns the peer's address: "127.0.0.1:80", "[::1]:80".
    ///
    /// asyncio   StreamWriter.get_extra_info("peername")
    [[nodiscard]] std::string peername() const;

    /// Returns the connection's own address; empty when it is closed.
    ///
    /// asyncio   StreamWriter.get_extra_info("sockname")
    [[nodiscard]] std::string sockname() const;

    /// Returns the descriptor, for socket options; -1 when it is closed.
    ///
    /// asyncio   StreamWriter.get_extra_info("socket").fileno
    [[nodiscard]] int fileno() const;

    /// For weft's own code.
    explicit StreamWriter(std::shared_ptr<detail::StreamState> state) noexcept;

private:
    [[nodiscard]] detail::StreamState& state() const;

    std::shared_ptr<detail::StreamState> state_;
};

}  // namespace weft
