#pragma once

#include <cstdint>
#include <memory>
#include <system_error>

#include "base/clock.hpp"
#include "reactor/descriptor.hpp"
#include "reactor/operation.hpp"

namespace weft::rt {

/// What a loop sleeps in and what carries its I/O. Completion-shaped: an operation is submitted and
/// the task goes on when it has completed; a backend that only knows readiness tries, waits and
/// tries again. epoll is one backend; io_uring will stand beside it.
class Reactor {
public:
    Reactor() = default;
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;
    virtual ~Reactor() = default;

    // ---- the loop's own thread

    /// Collects what has happened, sleeping up to `timeout` (kNever: until something happens) and
    /// ended early by wake(). Returns how many events there are for dispatch().
    virtual int wait(Nanos timeout) noexcept = 0;
    /// Wakes the tasks that the collected events are for.
    virtual void dispatch() noexcept = 0;

    // ---- any thread

    /// Readable while wait(0) would find something.
    [[nodiscard]] virtual int fd() const noexcept = 0;
    /// Has what has happened wake its tasks now, for a loop that does not come round. Returns how many
    /// events there were.
    virtual int rescue() noexcept = 0;
    /// Ends the current or the next wait(). One system call: called once per sleep.
    virtual void wake() noexcept = 0;
    /// Watches a non-blocking descriptor, which it owns from here on; on failure the caller does.
    /// `ready`: whether to try before waiting.
    [[nodiscard]] virtual std::error_code attach(
        int fd, bool ready, Descriptor*& descriptor
    ) noexcept = 0;
    /// Ends all waits on the descriptor with -EBADF and closes it when nobody uses it any more.
    void close(Descriptor& descriptor) noexcept {
        if (descriptor.begin_close()) {
            end(descriptor);
        }
    }
    /// Does the operation, suspending the task while it has to wait. The result or -errno;
    /// -ECANCELED when the task was cancelled: nothing has been done then.
    [[nodiscard]] virtual ssize_t perform(Operation& operation) = 0;

    /// Stops watching, closes, takes the slot back. Called once, by the last user.
    virtual void end(Descriptor& descriptor) noexcept = 0;
};

/// Makes the epoll backend.
[[nodiscard]] std::error_code make_epoll_reactor(std::unique_ptr<Reactor>& reactor);

}  // namespace weft::rt
