#include "io/stream_state.hpp"

#include <cerrno>
#include <utility>
#include <weft/errors.hpp>

namespace weft::detail {

StreamState::StreamState(
    rt::Home home,
    const rt::SocketAddress& peer,
    std::size_t limit,
    std::shared_ptr<rt::ConnectionCount> count
)
    : descriptor_(home), peer_(peer), count_(std::move(count)), limit_(limit) {}

StreamState::~StreamState() {
    finish(0);
}

std::error_code StreamState::attach(rt::UniqueFd& fd, bool ready) noexcept {
    const std::error_code error = descriptor_.attach(fd, ready);
    if (!error && count_ != nullptr) {
        count_->add();
        counted_ = true;
    }
    return error;
}

int StreamState::finish_connect() {
    static_cast<void>(descriptor_.begin());  // nobody else knows of it yet
    rt::Operation operation{rt::Operation::Kind::Connect, descriptor_.get()};
    const ssize_t result = descriptor_.get().home().perform(operation);
    static_cast<void>(descriptor_.end());
    return static_cast<int>(result);
}

/// Ends the connection: what is queued is dropped, whoever waits goes on, the descriptor is closed.
void StreamState::finish(int error) noexcept {
    rt::OutputQueue::Pieces dropped;
    WokenList woken;
    {
        const std::lock_guard lock(changed_);
        if (over_) {
            return;
        }
        over_ = true;
        closing_ = true;
        error_ = error;
        dropped = output_.take_all();
        buffered_ = 0;
        paused_ = false;
        changed_.wake_all(woken);
        if (!descriptor_.begin_close()) {
            return;  // it never had one
        }
    }
    descriptor_.finish_close();
    if (counted_) {
        count_->remove();
    }
}

void StreamState::close() noexcept {
    if (descriptor_.home().is_here()) {
        close_here();
        return;
    }
    try {
        descriptor_.home().run([self = shared_from_this()] { self->close_here(); });
    } catch (const std::bad_alloc&) {
        return;  // it closes when nobody holds it any more
    }
}

void StreamState::close_here() noexcept {
    const bool stranded = take_stranded();
    bool idle = false;
    {
        const std::lock_guard lock(changed_);
        if (closing_ && !stranded) {
            return;
        }
        closing_ = true;
        idle = !sending_;
    }
    if (idle) {
        finish(0);
    }
    if (stranded) {
        try {
            start_flusher();
        } catch (...) {
            return;  // start_flusher has ended the connection
        }
    }
}

void StreamState::abort() noexcept {
    if (descriptor_.home().is_here()) {
        finish(0);
        return;
    }
    try {
        descriptor_.home().run([self = shared_from_this()] { self->finish(0); });
    } catch (const std::bad_alloc&) {
        return;  // it closes when nobody holds it any more
    }
}

bool StreamState::is_closing() noexcept {
    const std::lock_guard lock(changed_);
    return closing_;
}

void StreamState::wait_closed() {
    changed_.lock();
    while (!over_) {
        const WaitOutcome outcome = changed_.wait("StreamWriter.wait_closed", this);
        if (outcome.cancelled()) {
            throw_cancelled();
        }
        changed_.lock();
    }
    const int error = error_;
    changed_.unlock();
    if (error != 0) {
        throw_lost("connection to ", error);
    }
}

std::string StreamState::own_name() {
    descriptor_.home().require_here("sockname()");
    {
        const std::lock_guard lock(changed_);
        if (!descriptor_.begin()) {
            return {};
        }
    }
    rt::SocketAddress address;
    static_cast<void>(rt::SocketAddress::of_socket(descriptor_.get().fd(), address));
    bool last = false;
    {
        const std::lock_guard lock(changed_);
        last = descriptor_.end();
    }
    if (last) {
        descriptor_.release_slot();
    }
    return address.to_string();
}

int StreamState::fd() noexcept {
    const std::lock_guard lock(changed_);
    return descriptor_.fd();
}

void StreamState::throw_lost(const char* what, int error) const {
    throw OsError(error, what + peer_name());
}

}  // namespace weft::detail
