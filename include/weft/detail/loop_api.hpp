#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>
#include <weft/delay.hpp>
#include <weft/detail/callback.hpp>
#include <weft/detail/future_state.hpp>

// What the templates of the public headers ask of the runtime; compiled in runtime/loop.

namespace weft {
class Loop;
}

namespace weft::detail {

/// The point in time in `delay` from now by the clock of the loop that runs here, if one does; or
/// the last there is.
[[nodiscard]] std::chrono::steady_clock::time_point deadline_after(Delay delay) noexcept;

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

/// The running task; throws RuntimeError outside of one, which names `what` wanted it.
[[nodiscard]] Ref<FutureState> running_task(const char* what = "current_task()");

[[nodiscard]] const char* status_name(Status status) noexcept;
[[noreturn]] void throw_not_done(const FutureState& state, const char* what);
[[noreturn]] void throw_already_done(const FutureState& state, const char* what);
[[noreturn]] void throw_taken(const FutureState& state);
[[noreturn]] void throw_task_is_not_settable(const char* what);

/// A callback that is given its future when that is done, and does not keep it alive before.
class DoneCallback : public Callback {
public:
    /// Before it is posted.
    void set_argument(Ref<FutureState> future) noexcept {
        future_ = std::move(future);
        set_told();
    }

protected:
    [[nodiscard]] Ref<FutureState> argument() noexcept { return std::move(future_); }

private:
    Ref<FutureState> future_;
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

/// A call of tell_when_done() for a future that is not there yet: telling asks for no memory then.
class PreparedTell {
public:
    /// Errors  std::bad_alloc.
    explicit PreparedTell(Ref<DoneCallback> callback);
    PreparedTell(const PreparedTell&) = delete;
    PreparedTell& operator=(const PreparedTell&) = delete;
    ~PreparedTell();
    /// Once, on the loop that prepared it.
    void tell_when_done(FutureState& state) noexcept;

private:
    Listener* listener_;  // null: told
};

[[nodiscard]] std::string task_name(const FutureState& task);
[[nodiscard]] std::vector<std::string> task_stack(FutureState& task);
void set_task_name(FutureState& task, std::string name);
[[nodiscard]] std::uint32_t task_cancelling(const FutureState& task) noexcept;
std::uint32_t task_uncancel(FutureState& task) noexcept;
/// A cancellation that its maker may have to take back.
struct CancelReceipt {
    std::uint32_t delivered = 0;  // how often the task had been told of one before
    std::uint32_t requests = 0;   // how many there were with it; 0: another was undelivered before
};
[[nodiscard]] CancelReceipt task_cancel(FutureState& task);
/// For the task itself: forgets the request if it was not told of it, and no other came after it.
void task_withdraw_cancel(FutureState& task, const CancelReceipt& receipt) noexcept;

}  // namespace weft::detail
