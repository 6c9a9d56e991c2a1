#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <weft/detail/wait_queue.hpp>

#include "base/posix.hpp"
#include "io/connection_count.hpp"
#include "io/input_buffer.hpp"
#include "io/output_queue.hpp"
#include "io/shared_descriptor.hpp"
#include "io/socket_address.hpp"

namespace weft::detail {

/// A connection: what its StreamReader, its StreamWriter and its flusher share.
///
/// One lock, that of the wait queue, guards the state; it is held for a few instructions and never
/// over a system call. Two rights stand in for longer ones: `reading_` is the right to receive and
/// to touch the input, `sending_` the right to send. Who finds `sending_` taken only queues; who
/// gives it back looks at the queue first.
///
///   write(): takes sending_, sends at once ──all sent──► end_sending()
///              └─not all──► the flusher, a task of the home loop, has the right from here on:
///                           sends what is queued until nothing is ──► end_sending()
///
/// It is over when the descriptor is closed: by close() once all is sent, by abort(), by an error,
/// or when nobody holds it any more.
///
/// Threads  any loop of the runtime it was made in; close(), abort() and the end from anywhere.
class StreamState : public std::enable_shared_from_this<StreamState> {
public:
    StreamState(
        rt::Home home,
        const rt::SocketAddress& peer,
        std::size_t limit,
        std::shared_ptr<rt::ConnectionCount> count
    );
    StreamState(const StreamState&) = delete;
    StreamState& operator=(const StreamState&) = delete;
    ~StreamState();

    /// Gives it its socket. `ready`: whether to try before waiting.
    [[nodiscard]] std::error_code attach(rt::UniqueFd& fd, bool ready) noexcept;
    /// Waits until a connect() that is under way has ended: 0 or -errno. Before anybody else.
    [[nodiscard]] int finish_connect();

    // ---- input (stream_input.cpp)

    /// The right to read, until the end of the scope.
    class Reading {
    public:
        /// Throws RuntimeError when another has it, OsError when the connection was lost.
        Reading(StreamState& state, const char* what);
        Reading(const Reading&) = delete;
        Reading& operator=(const Reading&) = delete;
        ~Reading();

    private:
        StreamState& state_;
    };
    /// Receives into `room`, with the right to read: how much, 0 at the end of the stream. Throws
    /// CancelledError: nothing was received then.
    [[nodiscard]] std::size_t receive(std::span<char> room);
    /// Receives more into input(), which may grow to `most` bytes; false at the end of the stream.
    bool fill(std::size_t most);
    [[nodiscard]] rt::InputBuffer& input() noexcept { return input_; }
    [[nodiscard]] std::size_t limit() const noexcept { return limit_; }
    [[nodiscard]] bool at_eof() const noexcept { return input_ended_ && input_.empty(); }

    // ---- output (stream_output.cpp)

    void write(std::span<const std::string_view> pieces);
    void drain();
    void write_eof();

    // ---- the end

    void close() noexcept;
    void abort() noexcept;
    [[nodiscard]] bool is_closing() noexcept;
    void wait_closed();

    [[nodiscard]] const rt::SocketAddress& peer() const noexcept { return peer_; }
    [[nodiscard]] std::string peer_name() const { return peer_.to_string(); }
    [[nodiscard]] std::string own_name();
    [[nodiscard]] int fd() noexcept;

private:
    class Flusher;

    static constexpr std::size_t kHighWater = 64 * 1024;
    static constexpr std::size_t kLowWater = 16 * 1024;

    // output
    void enqueue(std::span<const std::string_view> pieces, std::size_t size);
    [[nodiscard]] bool enqueue_small(std::string_view piece) noexcept;
    void enqueue_rest(std::span<const std::string_view> pieces, std::size_t sent);
    void start_flusher();
    void flush();
    [[nodiscard]] bool send_pieces(rt::OutputQueue::Pieces& pieces);
    void sent(std::size_t count) noexcept;
    [[nodiscard]] bool end_sending() noexcept;
    [[nodiscard]] bool take_stranded() noexcept;
    void give_up_sending() noexcept;
    void queued(std::size_t count) noexcept;

    void finish(int error) noexcept;
    void close_here() noexcept;
    [[noreturn]] void throw_lost(const char* what, int error) const;

    WaitQueue changed_;  // drain() and wait_closed(); its lock guards what is marked (L)
    rt::SharedDescriptor descriptor_;
    rt::SocketAddress peer_;
    std::shared_ptr<rt::ConnectionCount> count_;
    bool counted_ = false;

    bool reading_ = false;      // (L)
    bool sending_ = false;      // (L)
    bool paused_ = false;       // (L) drain() waits
    bool eof_asked_ = false;    // (L) write_eof() was called
    bool eof_sent_ = false;     // (L)
    bool closing_ = false;      // (L) close() was called
    bool over_ = false;         // (L) the descriptor is closed
    int error_ = 0;             // (L) why, if not because somebody wanted it
    std::size_t buffered_ = 0;  // (L) how much is queued or with the flusher
    rt::OutputQueue output_;    // (L)

    const std::size_t limit_;
    rt::InputBuffer input_;       // with the right to read
    bool can_receive_ = false;    // with the right to read: it holds the descriptor
    bool input_ended_ = false;    // with the right to read
    std::uint32_t receives_ = 0;  // with the right to read
};

}  // namespace weft::detail

namespace weft::rt {
using detail::StreamState;
}
