#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <weft/detail/task_body.hpp>
#include <weft/errors.hpp>

#include "io/stream_state.hpp"
#include "task/park.hpp"

// What a StreamWriter does to its connection.

namespace weft::detail {
namespace {

constexpr std::size_t kMostVectors = 16;
using Vectors = std::array<iovec, kMostVectors>;

iovec vector_of(std::string_view bytes) noexcept {
    return {const_cast<char*>(bytes.data()), bytes.size()};
}

/// Sends what the socket takes at once: how much, or -errno.
ssize_t send_now(int fd, std::span<const std::string_view> pieces) noexcept {
    constexpr int kFlags = MSG_NOSIGNAL | MSG_DONTWAIT;
    if (pieces.size() == 1) [[likely]] {
        return rt::retried(::send, fd, pieces[0].data(), pieces[0].size(), kFlags);
    }
    Vectors vectors;  // NOLINT: filled below
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = std::min(pieces.size(), kMostVectors);
    for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
        vectors[i] = vector_of(pieces[i]);
    }
    return rt::retried(::sendmsg, fd, &message, kFlags);
}

}  // namespace

/// The task that sends what could not be sent at once. Holds the connection and the right to send;
/// if it ends in another way than by end_sending(), the connection ends with it.
class StreamState::Flusher {
public:
    explicit Flusher(std::shared_ptr<StreamState> state) noexcept : state_(std::move(state)) {}
    Flusher(Flusher&&) noexcept = default;
    Flusher& operator=(Flusher&&) = delete;
    ~Flusher() {
        if (state_ != nullptr && !done_) {
            state_->finish(ECONNABORTED);
            state_->give_up_sending();
        }
    }

    void operator()() {
        state_->flush();
        done_ = true;
    }
    void disarm() noexcept { done_ = true; }

private:
    std::shared_ptr<StreamState> state_;
    bool done_ = false;
};

void StreamState::write(std::span<const std::string_view> pieces) {
    descriptor_.home().require_here("write()");
    std::size_t size = 0;
    for (const std::string_view& piece : pieces) {
        size += piece.size();
    }
    {
        std::unique_lock lock(changed_);
        if (eof_asked_) {
            lock.unlock();
            throw RuntimeError("write() after write_eof()");
        }
        if (closing_ || size == 0) {
            return;  // as in asyncio: drain() tells
        }
        if (sending_ || !output_.empty()) {
            lock.unlock();
            enqueue(pieces, size);
            return;
        }
        sending_ = descriptor_.begin();
    }
    const ssize_t count = send_now(descriptor_.get().fd(), pieces);
    if (count == static_cast<ssize_t>(size)) [[likely]] {
        if (!end_sending()) {
            start_flusher();
        }
        return;
    }
    if (count < 0 && count != -EAGAIN) {
        finish(static_cast<int>(-count));
        give_up_sending();
        return;
    }
    enqueue_rest(pieces, count < 0 ? 0 : static_cast<std::size_t>(count));
}

/// Queues behind what is there; sees to it that somebody sends.
void StreamState::enqueue(std::span<const std::string_view> pieces, std::size_t size) {
    if (pieces.size() == 1 && enqueue_small(pieces[0])) {
        return;
    }
    rt::OutputQueue::Pieces packed = rt::OutputQueue::pack(pieces, 0);
    bool start = false;
    {
        const std::lock_guard lock(changed_);
        if (over_) {
            return;
        }
        output_.push_back(packed);
        queued(size);
        start = !sending_;
        if (start) {
            sending_ = descriptor_.begin();
        }
    }
    if (start) {
        start_flusher();
    }
}

/// The same without asking for memory, where somebody is sending already.
bool StreamState::enqueue_small(std::string_view piece) noexcept {
    const std::lock_guard lock(changed_);
    if (!sending_ || !output_.append_small(piece)) {
        return false;
    }
    queued(piece.size());
    return true;
}

/// Queues what was not sent at once, before what others have queued meanwhile, and hands the right
/// to send to a flusher.
void StreamState::enqueue_rest(std::span<const std::string_view> pieces, std::size_t sent) {
    rt::OutputQueue::Pieces packed;
    try {
        packed = rt::OutputQueue::pack(pieces, sent);
    } catch (...) {
        finish(ENOMEM);  // half a message is on its way: nothing right can follow
        give_up_sending();
        throw;
    }
    bool over = false;
    {
        const std::lock_guard lock(changed_);
        over = over_;
        if (!over) {
            queued(packed.front().size());
            output_.push_front(packed);
        }
    }
    if (over) {
        give_up_sending();
    } else {
        start_flusher();
    }
}

void StreamState::queued(std::size_t count) noexcept {
    buffered_ += count;
    paused_ = paused_ || buffered_ > kHighWater;
}

/// With the right to send, which goes to the flusher. If none can be made, what is queued waits for
/// the next write, drain or close, and the caller gets the error.
void StreamState::start_flusher() {
    Flusher flusher(shared_from_this());
    try {
        static_cast<void>(Ref<FutureState>::adopt(make_task(
            std::move(flusher), TaskKind::Pinned, &descriptor_.home().worker(), Site::current()
        )));
    } catch (...) {
        flusher.disarm();
        if (is_closing()) {
            finish(ENOMEM);  // nobody would come back to it
        }
        give_up_sending();
        throw;
    }
}

void StreamState::flush() {
    rt::OutputQueue::Pieces pieces;
    for (;;) {
        {
            const std::lock_guard lock(changed_);
            pieces = output_.take_all();
        }
        if (pieces.empty() && end_sending()) {
            return;
        }
        if (!send_pieces(pieces)) {
            give_up_sending();
            return;
        }
    }
}

/// False when the connection is over.
bool StreamState::send_pieces(rt::OutputQueue::Pieces& pieces) {
    rt::Descriptor& descriptor = descriptor_.get();
    std::size_t skip = 0;  // of the first piece
    while (!pieces.empty()) {
        Vectors vectors;  // NOLINT: filled below
        int used = 0;
        for (const std::string& piece : pieces) {
            vectors[static_cast<std::size_t>(used)] =
                vector_of(std::string_view(piece).substr(used == 0 ? skip : 0));
            if (++used == static_cast<int>(kMostVectors)) {
                break;
            }
        }
        rt::Operation operation{
            .kind = rt::Operation::Kind::Send,
            .descriptor = descriptor,
            .vectors = vectors.data(),
            .vector_count = used};
        const ssize_t count = descriptor.home().perform(operation);
        if (count < 0) {
            // The flusher is only cancelled when the runtime ends; EBADF: somebody ended it.
            finish(count == -ECANCELED ? ECONNABORTED : static_cast<int>(-count));
            return false;
        }
        sent(static_cast<std::size_t>(count));
        skip += static_cast<std::size_t>(count);
        while (!pieces.empty() && skip >= pieces.front().size()) {
            skip -= pieces.front().size();
            pieces.pop_front();
        }
    }
    return true;
}

void StreamState::sent(std::size_t count) noexcept {
    WokenList woken;
    const std::lock_guard lock(changed_);
    buffered_ -= std::min(count, buffered_);  // finish() may have set it to 0
    if (paused_ && buffered_ <= kLowWater) {
        paused_ = false;
        changed_.wake_all(woken);
    }
}

/// Gives the right to send back and does what was to be done when everything is sent. False, and
/// the right stays, when somebody has queued meanwhile.
bool StreamState::end_sending() noexcept {
    bool close_now = false;
    bool last = false;
    for (;;) {
        {
            const std::lock_guard lock(changed_);
            if (!output_.empty()) {
                return false;
            }
            if (!eof_asked_ || eof_sent_ || closing_) {
                close_now = closing_;
                sending_ = false;
                last = descriptor_.end();
                break;
            }
            eof_sent_ = true;
        }
        static_cast<void>(rt::checked(::shutdown, descriptor_.get().fd(), SHUT_WR));
    }
    if (last) {
        descriptor_.release_slot();
    } else if (close_now) {
        finish(0);
    }
    return true;
}

void StreamState::give_up_sending() noexcept {
    bool last = false;
    {
        const std::lock_guard lock(changed_);
        sending_ = false;
        last = descriptor_.end();
    }
    if (last) {
        descriptor_.release_slot();
    }
}

/// Takes the right to send for what is queued and has no sender, because none could be made.
bool StreamState::take_stranded() noexcept {
    const std::lock_guard lock(changed_);
    if (sending_ || output_.empty()) {
        return false;
    }
    sending_ = descriptor_.begin();
    return sending_;
}

void StreamState::drain() {
    descriptor_.home().require_here("drain()");
    changed_.lock();
    if (!sending_ && !output_.empty()) [[unlikely]] {
        changed_.unlock();
        if (take_stranded()) {
            start_flusher();
        }
        changed_.lock();
    }
    while (paused_) {
        const WaitOutcome outcome = changed_.wait("StreamWriter.drain", this);
        if (outcome.cancelled()) {
            throw_cancelled();
        }
        changed_.lock();
    }
    const bool over = over_;
    const bool closing = closing_;
    const int error = error_;
    changed_.unlock();
    if (over) {
        throw_lost("write to ", error != 0 ? error : ECONNRESET);
    }
    if (closing) {
        rt::yield_now();  // as asyncio: others see the connection close
    }
}

void StreamState::write_eof() {
    descriptor_.home().require_here("write_eof()");
    {
        const std::lock_guard lock(changed_);
        if (eof_asked_ || closing_) {
            return;
        }
        eof_asked_ = true;
        if (sending_) {
            return;  // whoever sends does it
        }
        sending_ = descriptor_.begin();
    }
    if (!end_sending()) {
        start_flusher();
    }
}

}  // namespace weft::detail
