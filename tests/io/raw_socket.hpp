#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/posix.hpp"

namespace weft::test {

/// A blocking TCP socket of 127.0.0.1, for peers that are no part of weft. Fails the test and goes
/// on when a call fails that should not.
class RawSocket {
public:
    /// Connects; `buffer` > 0: with send and receive buffers of about that many bytes.
    static RawSocket connect(int port, int buffer = 0);
    /// Listens on a free port.
    static RawSocket listen(int backlog = 16);
    explicit RawSocket(rt::UniqueFd fd) : fd_(std::move(fd)) {}

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] int port() const;
    [[nodiscard]] RawSocket accept() const;

    void send(std::string_view bytes) const;
    /// At most `count` bytes, as they come; empty at the end and after an error.
    [[nodiscard]] std::string receive(std::size_t count) const;
    /// Everything up to the end.
    [[nodiscard]] std::string receive_all() const;
    /// Exactly `count` bytes, less at the end.
    [[nodiscard]] std::string receive_exactly(std::size_t count) const;
    void shut_down_sending() const;
    /// Closes so that the peer gets a reset.
    void reset();
    void close() { fd_ = rt::UniqueFd(); }

private:
    rt::UniqueFd fd_;
};

/// How many received bytes nobody has taken yet.
[[nodiscard]] int unread_bytes(int fd);

/// Bytes that differ from place to place.
[[nodiscard]] std::string pattern(std::size_t size);

/// Runs `python3 -c program arguments...` and returns its exit status and what it printed.
struct PythonResult {
    int status;
    std::string output;
};
[[nodiscard]] PythonResult run_python(const std::string& program, const std::string& arguments);

}  // namespace weft::test
