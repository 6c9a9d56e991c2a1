#pragma once

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
    void set_argument(Ref<FutureState> future) noexcept { future_ = std::move(future); }

protected:
    [[nodiscard]] Ref<FutureState> argument() noexcept { return std::move(future_); }

private:
    Ref<FutureState> future_;
};

/// Has `callback` run by the future's loop when the future is done; takes one reference.
void add_done_callback(FutureState& state, Ref<DoneCallback> callback);

[[nodiscard]] std::string task_name(const FutureState& task);
void set_task_name(FutureState& task, std::string name);
[[nodiscard]] std::uint32_t task_cancelling(const FutureState& task) noexcept;
std::uint32_t task_uncancel(FutureState& task) noexcept;

}  // namespace weft::detail
