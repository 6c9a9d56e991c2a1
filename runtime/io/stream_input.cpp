#include <cerrno>
#include <weft/errors.hpp>

#include "io/stream_state.hpp"
#include "task/park.hpp"

// What a StreamReader does to its connection.

namespace weft::detail {
namespace {

// A peer that sends faster than a task reads must not keep the loop to itself (asyncio takes at
// most 256 KiB of one connection in a turn).
constexpr std::uint32_t kReceivesInARow = 16;

}  // namespace

StreamState::Reading::Reading(StreamState& state, const char* what) : state_(state) {
    state.descriptor_.home().require_here(what);
    std::unique_lock lock(state.changed_);
    if (state.reading_) {
        lock.unlock();
        throw RuntimeError(
            std::string(what) + " called while another task is already waiting for incoming data"
        );
    }
    if (state.error_ != 0) {
        const int error = state.error_;
        lock.unlock();
        state.throw_lost("read from ", error);
    }
    state.reading_ = true;
    state.can_receive_ = state.descriptor_.begin();
}

StreamState::Reading::~Reading() {
    bool last = false;
    {
        const std::lock_guard lock(state_.changed_);
        state_.reading_ = false;
        last = state_.can_receive_ && state_.descriptor_.end();
    }
    if (last) {
        state_.descriptor_.release_slot();
    }
}

std::size_t StreamState::receive(std::span<char> room) {
    if (!can_receive_ || input_ended_) {
        input_ended_ = true;
        return 0;
    }
    if (++receives_ % kReceivesInARow == 0) {
        rt::yield_now();
    }
    rt::Descriptor& descriptor = descriptor_.get();
    rt::Operation operation{rt::Operation::Kind::Receive, descriptor, room.data(), room.size()};
    const ssize_t count = descriptor.home().perform(operation);
    if (count > 0) [[likely]] {
        return static_cast<std::size_t>(count);
    }
    if (count == -ECANCELED) {
        throw_cancelled();
    }
    int error = static_cast<int>(-count);
    if (error == EBADF) {
        // Closed under us: the end of the stream when somebody wanted it, else the reason.
        const std::lock_guard lock(changed_);
        error = error_;
    }
    if (error != 0) {
        finish(error);
        throw_lost("read from ", error);
    }
    input_ended_ = true;
    return 0;
}

bool StreamState::fill(std::size_t most) {
    const std::size_t count = receive(input_.room(most - input_.size()));
    input_.commit(count);
    return count > 0;
}

}  // namespace weft::detail
