#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace weft {

/// What a cancelled task throws where it waits, and what awaiting something cancelled throws.
///
/// Not a std::exception, as asyncio's is not an Exception: `catch (const std::exception&)` does not
/// swallow it. A `catch (...)` around something that waits must rethrow it.
///
/// asyncio   CancelledError
class CancelledError {
public:
    CancelledError() = default;
    explicit CancelledError(std::string message) : message_(std::move(message)) {}

    /// Returns what was given to cancel(), or an empty string.
    [[nodiscard]] const std::string& message() const noexcept { return message_; }

private:
    std::string message_;
};

/// SIGINT ended run(). Not a std::exception, as Python's is not an Exception.
///
/// asyncio   KeyboardInterrupt
class KeyboardInterrupt {};

/// Something was called where it cannot work: a run() inside a running loop, a wait in a callback.
///
/// asyncio   RuntimeError
class RuntimeError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A value that cannot be meant: a negative size, a NaN.
///
/// asyncio   ValueError
class ValueError : public std::invalid_argument {
public:
    using std::invalid_argument::invalid_argument;
};

/// There is no such thing: a context variable without a value.
///
/// asyncio   LookupError
class LookupError : public std::out_of_range {
public:
    using std::out_of_range::out_of_range;
};

/// result() of something not done, set_result() of something done.
///
/// asyncio   InvalidStateError
class InvalidStateError : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

/// A deadline came first.
///
/// asyncio   TimeoutError
class TimeoutError : public std::runtime_error {
public:
    TimeoutError() : std::runtime_error("timed out") {}
    using std::runtime_error::runtime_error;
};

/// Several errors at once: what the tasks of a group threw.
///
/// asyncio   ExceptionGroup
class ExceptionGroup : public std::runtime_error {
public:
    ExceptionGroup(const std::string& message, std::vector<std::exception_ptr> exceptions)
        : std::runtime_error(
              message + " (" + std::to_string(exceptions.size()) +
              (exceptions.size() == 1 ? " error)" : " errors)")
          ),
          exceptions_(std::make_shared<const std::vector<std::exception_ptr>>(std::move(exceptions))
          ) {}

    /// Returns the errors, in the order in which they came.
    [[nodiscard]] const std::vector<std::exception_ptr>& exceptions() const noexcept {
        return *exceptions_;
    }

private:
    std::shared_ptr<const std::vector<std::exception_ptr>> exceptions_;  // copying may not throw
};

/// The barrier was aborted, or reset while it was waited for.
///
/// asyncio   BrokenBarrierError
class BrokenBarrierError : public RuntimeError {
public:
    using RuntimeError::RuntimeError;
};

/// get_nowait() of an empty queue.
///
/// asyncio   QueueEmpty
class QueueEmpty : public std::runtime_error {
public:
    QueueEmpty() : std::runtime_error("the queue is empty") {}
};

/// put_nowait() to a full queue.
///
/// asyncio   QueueFull
class QueueFull : public std::runtime_error {
public:
    explicit QueueFull(std::ptrdiff_t maxsize)
        : std::runtime_error("the queue is full; its maxsize is " + std::to_string(maxsize)) {}
};

/// put() or get() of a queue after shutdown().
///
/// asyncio   QueueShutDown
class QueueShutDown : public std::runtime_error {
public:
    QueueShutDown() : std::runtime_error("the queue is shut down") {}
};

/// The stream ended before the bytes that were asked for had come.
///
/// asyncio   IncompleteReadError
class IncompleteReadError : public std::runtime_error {
public:
    IncompleteReadError(std::string partial, std::size_t expected)
        : std::runtime_error(
              "the stream ended after " + std::to_string(partial.size()) + " bytes, " +
              (expected > 0 ? std::to_string(expected) + " were expected"
                            : std::string("before the separator"))
          ),
          partial_(std::move(partial)),
          expected_(expected) {}

    /// Returns the bytes that had come.
    [[nodiscard]] const std::string& partial() const noexcept { return partial_; }
    /// Returns how many bytes were asked for; 0 where a separator was.
    [[nodiscard]] std::size_t expected() const noexcept { return expected_; }

private:
    std::string partial_;
    std::size_t expected_;
};

/// The separator was not found within the reader's limit. The bytes stay in the reader.
///
/// asyncio   LimitOverrunError
class LimitOverrunError : public std::runtime_error {
public:
    LimitOverrunError(const std::string& text, std::size_t consumed)
        : std::runtime_error(text), consumed_(consumed) {}

    /// Returns how many bytes to take out before trying again.
    [[nodiscard]] std::size_t consumed() const noexcept { return consumed_; }

private:
    std::size_t consumed_;
};

/// The system said no: what was being done, to what, and the error code.
///
/// asyncio   OSError
class OsError : public std::system_error {
public:
    OsError(int error, const std::string& what)
        : std::system_error(error, std::generic_category(), what) {}
    OsError(std::error_code code, const std::string& what) : std::system_error(code, what) {}
};

}  // namespace weft
