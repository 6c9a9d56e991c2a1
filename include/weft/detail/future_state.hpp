#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <weft/detail/future_word.hpp>
#include <weft/detail/ref.hpp>
#include <weft/errors.hpp>

namespace weft::detail {

class FutureState;
class TaskState;
class Sink;  // the loop as the lower floors see it; in runtime/task/sink.hpp

/// One that is told when a future is done. Linked once, and hardly ever unlinked: whoever loses
/// interest leaves it to be told in vain.
struct Listener {
    Listener* next = nullptr;
    /// Called once, by whoever finished the future, after the result is readable; or when the
    /// future ends without ever being done. The listener may be gone when it returns.
    void (*fire)(Listener& self, FutureState& future) noexcept;
};

/// What the type of a result adds to a state.
struct FutureOperations {
    /// Ends the result if there is one, and gives the memory back.
    void (*destroy)(FutureState& state) noexcept;
    /// Cancels in its own way; null: becomes cancelled.
    bool (*cancel)(FutureState& state, const std::string& message) noexcept = nullptr;
};

/// The part of a future or a task that all its handles share. Compiled once, without the type.
///
/// One word says whether it is done, who is to be told and how many refer to it, so that finishing is one
/// step: whoever finds it done may destroy the last handle at once. The one who finishes it does not touch it
/// after that step, unless he has somebody to tell: then he holds a reference. See FutureWord.
class FutureState {
public:
    FutureState(const FutureState&) = delete;
    FutureState& operator=(const FutureState&) = delete;

    void add_ref() noexcept { word_.add_ref(); }
    void release() noexcept {
        if (word_.release()) {
            end();
        }
    }
    [[nodiscard]] bool sole_owner() const noexcept { return word_.sole_owner(); }
    /// Takes a reference unless it is done, or at its end: for those who know that the memory is there.
    [[nodiscard]] bool try_add_ref() noexcept { return word_.try_add_ref(); }

    [[nodiscard]] Status status() const noexcept { return word_.status(); }
    [[nodiscard]] bool done() const noexcept { return word_.done(); }
    [[nodiscard]] bool is_task() const noexcept { return is_task_; }
    [[nodiscard]] void* value() const noexcept { return value_; }
    [[nodiscard]] Sink* loop() const noexcept { return loop_; }

    /// Future: becomes cancelled. Task: is asked to end. False when it is done already. Needs no
    /// memory: without any it comes without the message.
    bool cancel(const std::string& message) noexcept;

    /// Waits until done: a task suspends, a plain thread blocks. What the result is, is not looked
    /// at. A cancellation of the waiting task is handed on to what it waits for, as asyncio does.
    void wait();
    /// The same, but a cancellation of the waiting task is kept for its next wait.
    void wait_shielded();
    /// The same for a plain thread, at most until `deadline`; false when that came first.
    bool wait_until(std::chrono::steady_clock::time_point deadline);

    /// Throws what stands in the result's place: CancelledError or the error. Marks it as seen.
    void rethrow_failure();
    /// Whether what it throws is a CancelledError: it is cancelled, or was given one.
    [[nodiscard]] bool ended_cancelled() const noexcept;
    /// What was given to cancel(), of one that is cancelled.
    [[nodiscard]] std::string cancel_message() const noexcept;
    /// The error, or null; marks it as seen. Throws when cancelled.
    [[nodiscard]] std::exception_ptr take_error();
    /// Nobody need be told of its error any more.
    void mark_error_seen() noexcept { error_seen_.store(true, std::memory_order_relaxed); }

    /// Wins the right to finish a pending future. The winner stores the result, then calls finish.
    [[nodiscard]] bool try_begin_finish() noexcept {
        // acquire: abort_finish's release, where storing a result was tried before
        return !claimed_.exchange(true, std::memory_order_acquire);
    }
    /// Gives the right back: storing the result threw.
    void abort_finish() noexcept { claimed_.store(false, std::memory_order_release); }
    void finish(Status status) noexcept;
    /// Claims a result that can only be moved out; false when somebody has it.
    [[nodiscard]] bool take_result() noexcept {
        return !result_taken_.exchange(true, std::memory_order_relaxed);
    }
    [[nodiscard]] bool result_taken() const noexcept {
        return result_taken_.load(std::memory_order_relaxed);
    }
    void set_error(std::exception_ptr error) noexcept { error_ = std::move(error); }

    /// Has `listener` told when the future is done; false when it is done already (not told then).
    [[nodiscard]] bool subscribe(Listener& listener) noexcept;
    /// Takes the listener of a task that waits out again, which is held still; only while the future
    /// cannot be finished.
    void forget_waiter(const TaskState& task) noexcept;

protected:
    FutureState(const FutureOperations& operations, void* value, Sink* loop, bool is_task) noexcept
        : is_task_(is_task), operations_(&operations), value_(value), loop_(loop) {}
    ~FutureState() = default;

    /// Null: an empty message, or no memory for it.
    [[nodiscard]] static std::unique_ptr<std::string> copy_of_message(const std::string& message
    ) noexcept;
    void replace_message(std::unique_ptr<std::string> message) noexcept;
    // finish(), by who has the right to.
    void finish_cancelled(const std::string& message) noexcept;
    /// Not cancelled, but with a CancelledError for its error.
    void finish_with_cancelled_error(const std::string& message) noexcept;
    /// With what another throws, which is done and has no value.
    void finish_as(FutureState& other) noexcept;

    [[nodiscard]] bool error_is_unseen() const noexcept {
        return error_ != nullptr && !error_seen_.load(std::memory_order_relaxed);
    }
    /// Its error is a CancelledError that is made anew for each who looks: several threads may.
    [[nodiscard]] bool has_cancelled_error() const noexcept {
        return status() == Status::Error && error_ == nullptr;
    }

    /// Tells a chain of listeners, in the order they came.
    void tell(std::uintptr_t newest) noexcept;

    static_assert(alignof(Listener) >= 8, "FutureWord has uses for the low bits of its address");

    [[no_unique_address]] FutureWord<> word_{1};  // what comes next stands in the rest of it
    std::atomic<bool> claimed_{false};  // somebody has the right to finish it; not of a task
    std::atomic<bool> error_seen_{false};
    std::atomic<bool> result_taken_{false};  // of a result that can only be moved
    bool is_task_;
    std::exception_ptr error_;
    const FutureOperations* operations_;
    void* value_;
    Sink* loop_;
    std::atomic<std::string*> cancel_message_{nullptr};  // see replace_message()
    // relaxed: for leak checkers alone, which do not find what only the word leads to; it shifts the address
    std::atomic<Listener*> newest_listener_{nullptr};

    /// The last reference has gone.
    void end() noexcept;
    void end_without_value() noexcept;
};

/// A place for a result that may not be there yet.
template <class T>
union Slot {
    Slot() noexcept {}
    ~Slot() {}
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    T value;
};
template <>
union Slot<void> {
    char nothing = 0;
};

/// The state of a Future<T> that somebody sets.
template <class T>
class ValueState final : public FutureState {
public:
    explicit ValueState(Sink* loop) noexcept : FutureState(kOperations, &slot_, loop, false) {}

private:
    static void destroy(FutureState& state) noexcept {
        auto& self = static_cast<ValueState&>(state);
        if constexpr (!std::is_void_v<T>) {
            if (self.status() == Status::Value) {
                self.slot_.value.~T();
            }
        }
        delete &self;
    }
    static constexpr FutureOperations kOperations{&destroy};

    ~ValueState() = default;

    Slot<T> slot_;
};

}  // namespace weft::detail
