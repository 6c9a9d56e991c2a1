#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <weft/detail/callback.hpp>
#include <weft/detail/future_state.hpp>

// What the templates of the public headers ask of the runtime; compiled in runtime/loop.

namespace weft {
class Loop;
}

namespace weft::detail {

/// The loop that runs on this thread; null where none does.
[[nodiscard]] Sink* running_sink() noexcept;
[[nodiscard]] Loop* loop_of(Sink* sink) noexcept;
/// The right to make a task of `loop`: a shutdown that begins meanwhile waits for the end of the
/// scope. Throws RuntimeError when one has begun, unless the thread runs a loop of that runtime.
class Entry {
public:
    Entry(Sink& loop, const char* what);
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry();

private:
    Sink* entered_;  // null: by way of the loop that runs here
};

/// The running task; throws RuntimeError outside of one.
[[nodiscard]] Ref<FutureState> running_task();

[[nodiscard]] const char* status_name(Status status) noexcept;
[[noreturn]] void throw_not_done(const FutureState& state, const char* what);
[[noreturn]] void throw_already_done(const FutureState& state, const char* what);
[[noreturn]] void throw_taken();
[[noreturn]] void throw_task_is_not_settable(const char* what);

/// A callback that is given its future when that is done, and does not keep it alive before.
class DoneCallback : public Callback {
public:
    /// Before it is posted.
    void set_argument(Ref<FutureState> future) noexcept {
        future_ = std::move(future);
        told_.store(true, std::memory_order_relaxed);
    }
    /// Whether its future is done. It may not have been run yet.
    [[nodiscard]] bool told() const noexcept { return told_.load(std::memory_order_relaxed); }

protected:
    [[nodiscard]] Ref<FutureState> argument() noexcept { return std::move(future_); }

private:
    Ref<FutureState> future_;
    std::atomic<bool> told_{false};  // relaxed: a hint for others
};

template <class F>
[[nodiscard]] Ref<DoneCallback> make_done_callback(F&& function) {
    using Call = CallbackOf<std::decay_t<F>, DoneCallback>;
    return Ref<DoneCallback>::adopt(new Call(std::forward<F>(function)));
}

/// Has `callback` run by the future's loop when the future is done; takes one reference.
void add_done_callback(FutureState& state, Ref<DoneCallback> callback);
/// The same on the loop that runs here; where none does, on the thread that finishes the future,
/// and then the callback may not throw. For weft's own combinators.
void tell_when_done(FutureState& state, Ref<DoneCallback> callback);

[[nodiscard]] std::string task_name(const FutureState& task);
void set_task_name(FutureState& task, std::string name);
[[nodiscard]] std::uint32_t task_cancelling(const FutureState& task) noexcept;
std::uint32_t task_uncancel(FutureState& task) noexcept;

}  // namespace weft::detail
