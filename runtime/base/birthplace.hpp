#pragma once

#include "base/atomic.hpp"

namespace weft::rt {

/// Remembers in which process something was made.
///
/// A child of fork() has a copy of the memory, one thread, and the very same epoll and sockets as its parent:
/// what was made before the fork must not be used there. vfork() and posix_spawn() do not count.
class Birthplace {
public:
    Birthplace() noexcept;
    /// Whether this is still that process. Async-signal-safe.
    [[nodiscard]] bool is_here() const noexcept;

private:
    unsigned forks_;
};

/// Whether something makes each suspension look closer: a stack with a canary, a fork, or a check of a higher
/// floor (task/carrier). One flag, so that an ordinary suspension loads no other.
extern Atomic<bool> suspensions_look;  // relaxed: set before there is anything to see

}  // namespace weft::rt
