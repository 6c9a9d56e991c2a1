#pragma once

#include <cstddef>
#include <cstdint>
#include <weft/detail/wait_queue.hpp>

namespace weft::rt {

/// How many connections of a server are open, and those who wait until there are none.
///
/// Threads  any.
class ConnectionCount {
public:
    void add() noexcept;
    void remove() noexcept;
    /// No more will come.
    void close() noexcept;

    [[nodiscard]] bool closed() noexcept;
    [[nodiscard]] std::size_t size() noexcept;
    /// How many have ended so far.
    [[nodiscard]] std::uint64_t ended() noexcept;
    /// Suspends until close() and, if `empty`, until none is left. Throws CancelledError.
    void wait(const char* what, bool empty);

private:
    detail::WaitQueue changed_;  // its lock guards the rest
    std::size_t count_ = 0;
    std::uint64_t ended_ = 0;
    bool closed_ = false;
};

}  // namespace weft::rt
