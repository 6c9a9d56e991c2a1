#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <weft/detail/callback.hpp>
#include <weft/detail/future_state.hpp>
#include <weft/detail/task_body.hpp>

#include "fiber/exception_state.hpp"
#include "fiber/switch.hpp"
#include "task/sink.hpp"
#include "task/sleep_word.hpp"

namespace weft::rt {
struct Carrier;
}

namespace weft::detail {

/// What the runtime keeps about a task: one record of a type-stable slab (task/record_pool.hpp).
///
/// A plain field belongs to whoever may run the task at that moment: its maker, then the worker
/// that runs it. Only what is atomic may be looked at by others.
class TaskState final : public FutureState, public Runnable {
public:
    static constexpr std::size_t kRecordBytes = 256;
    static constexpr std::size_t kBodyAlignment = 16;

    TaskState() noexcept;

    /// Runs the body to its end and finishes the task. On the stack it will own if it suspends.
    void run() noexcept;

    [[nodiscard]] bool pinned() const noexcept { return kind == TaskKind::Pinned; }
    [[nodiscard]] bool fresh() const noexcept { return context == nullptr; }

    /// asyncio's Task.cancel: asks the task to end. False when it is done.
    bool request_cancel(const std::string& message) noexcept;
    /// Lets go of the task, which was held still to be looked at (sleep.try_hold).
    void end_look() noexcept;
    /// asyncio's Task.uncancel: takes one request back; returns how many are left.
    std::uint32_t uncancel() noexcept;
    /// For the task itself: forgets a request that was not delivered, if it is the last of `last`.
    void withdraw_cancel(std::uint32_t last) noexcept;
    /// Hands a marked cancellation of this task, which waits for `awaiting`, on to that.
    void forward_cancel() noexcept;

    /// Takes the message of the cancellation that is about to be thrown.
    [[nodiscard]] std::string take_cancel_message();

    void set_cancel_message(const std::string& message) noexcept;

    /// The name that was given, or "Task-N".
    [[nodiscard]] std::string display_name() const;
    /// The same on the thread that runs the task, where no memory may be asked for.
    void write_name(char* out, std::size_t size) const noexcept;
    /// Only for the task itself, or its maker.
    void rename(std::string&& given);

    // A switch touches what stands from here to in_place_of, one cache line with Runnable's.
    TaskKind kind = TaskKind::Pinned;
    bool masked_in_place = false;  // it may not be cancelled while a child runs in its place
    std::uint32_t site_line = 0;
    rt::SleepWord<> sleep;
    rt::Context context = nullptr;  // where it goes on; null: its body has not begun
    rt::Stack* stack = nullptr;
    rt::ExceptionState exceptions;
    TaskState* in_place_of = nullptr;  // whose stack it runs on, and who waits for it
    FutureState* awaiting = nullptr;
    void* variables = nullptr;  // the values of context variables: a ContextState, owned; or null
    // For those who look. Edge: release by the sleeper -> loop/wait_graph's acquire, which by the word knows
    // then that the sleep it saw before is over.
    rt::Atomic<const char*> wait_what{nullptr};
    rt::Atomic<const void*> wait_object{nullptr};
    std::uint64_t id = 0;
    std::string* name = nullptr;  // changed under a mutex, as a dump may read it
    const char* site_file = "";
    rt::Atomic<std::uint32_t> cancel_requests{0};    // relaxed: a count
    rt::Atomic<std::uint16_t> cancels_delivered{0};  // relaxed: a count, whose changes count
    rt::Atomic<std::uint16_t> queued_at{0};  // of the loop that has it ready: sched/reserve.hpp

    void prepare(
        const TaskOperations& operations,
        TaskKind its_kind,
        Sink* loop,
        const Site& site,
        std::uint64_t its_id
    ) noexcept;
    void put_body(void* elsewhere) noexcept { value_ = elsewhere; }
    [[nodiscard]] bool body_is_elsewhere() const noexcept { return value_ != body_; }
    void retire() noexcept;
    void go_back() noexcept;  // the same, inlined
    void begin(rt::Carrier* carrier) noexcept;
    [[nodiscard]] void* inline_body() noexcept { return body_; }
    [[nodiscard]] const TaskOperations& body_operations() const noexcept {
        return static_cast<const TaskOperations&>(*operations_);
    }

    void drop_result() noexcept {
        if (const auto drop = body_operations().drop_result; drop != nullptr) {
            drop(value_);
        }
    }

    static constexpr std::size_t kInlineBytes = 64;

private:
    void drop_extras() noexcept;
    void end_body(Status status) noexcept;
    [[nodiscard]] bool note_for_end() noexcept;
    bool pursue_cancel(const std::string& message, rt::SleepWord<>::CancelStep step) noexcept;
    rt::SleepWord<>::CancelStep note_cancel(const std::string& message) noexcept;
    bool cancel_awaited(const std::string& message, bool& released) noexcept;
    void ask_again(const std::string& message) noexcept;

    alignas(kBodyAlignment) std::byte body_[kInlineBytes];
};

}  // namespace weft::detail

namespace weft::rt {
using detail::TaskKind;
using detail::TaskState;
}  // namespace weft::rt
