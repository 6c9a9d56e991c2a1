#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>
#include <weft/detail/context_state.hpp>
#include <weft/detail/future_state.hpp>
#include <weft/detail/site.hpp>

namespace weft::detail {

/// What the callable's type adds to a task.
struct TaskOperations : FutureOperations {
    /// Calls the callable and stores what it returns; lets its exceptions out.
    void (*run)(void* body);
    void (*drop_callable)(void* body) noexcept;
    void (*drop_result)(void* body) noexcept;
};

/// The callable of a task and the place of its result, in the task's record when small enough.
template <class F, class R>
struct TaskBody {
    template <class G>
    explicit TaskBody(G&& function) : callable{std::forward<G>(function)} {}
    ~TaskBody() = delete;  // its parts end one by one

    Slot<R> result;  // first: a handle finds it without knowing F
    union {
        F callable;
    };

    static void run(void* address) {
        auto& self = *static_cast<TaskBody*>(address);
        if constexpr (std::is_void_v<R>) {
            self.callable();
        } else {
            ::new (static_cast<void*>(std::addressof(self.result.value))) R(self.callable());
        }
    }
    static void drop_callable(void* address) noexcept {
        static_cast<TaskBody*>(address)->callable.~F();
    }
    static void drop_result([[maybe_unused]] void* address) noexcept {
        if constexpr (!std::is_void_v<R>) {
            static_cast<TaskBody*>(address)->result.value.~R();
        }
    }
};

/// Gives the record of a task back; in runtime/task.
void destroy_task(FutureState& state) noexcept;

template <class F, class R>
inline constexpr TaskOperations kTaskOperations{
    {&destroy_task},
    &TaskBody<F, R>::run,
    &TaskBody<F, R>::drop_callable,
    &TaskBody<F, R>::drop_result,
};

/// Where a task may run.
enum class TaskKind : std::uint8_t { Pinned, Stealable };

/// What its maker may choose about a task.
struct TaskChoices {
    std::string name = {};
    Ref<ContextState> context = {};  // null: a copy of the maker's
    bool eager_start = false;
};

struct TaskSpec {
    const TaskOperations& operations;
    std::size_t body_size;
    std::size_t body_alignment;
    TaskKind kind;
    /// The loop a pinned task lives on; null: the running one. Of a stealable task: any of its
    /// runtime.
    Sink* loop;
    TaskChoices& choices;  // taken from
    Site site;
};

/// A record with room for the body, which the caller makes before start_task or gives up.
struct TaskDraft {
    FutureState* state;
    void* body;
};

/// Throws RuntimeError without a loop, std::bad_alloc without memory for a record or a stack.
[[nodiscard]] TaskDraft draft_task(TaskSpec&& spec);
void abandon_draft(FutureState& state) noexcept;
/// Makes the task ready to run. The runtime holds a reference of its own from here on.
void start_task(FutureState& state) noexcept;
/// The same, but it runs before this returns, up to its first suspension; where that cannot be, in
/// its turn.
void start_task_now(FutureState& state) noexcept;

/// Makes a task of `function`; the caller owns one reference of the result.
template <class F, class R = std::invoke_result_t<std::decay_t<F>&>>
[[nodiscard]] FutureState* make_task(
    F&& function, TaskKind kind, Sink* loop, TaskChoices&& choices, Site site
) {
    using Body = TaskBody<std::decay_t<F>, R>;
    const bool eager = choices.eager_start;
    const TaskDraft draft = draft_task(
        {kTaskOperations<std::decay_t<F>, R>,
         sizeof(Body),
         alignof(Body),
         kind,
         loop,
         choices,
         site}
    );
    struct Guard {
        FutureState* state;
        ~Guard() {
            if (state != nullptr) {
                abandon_draft(*state);
            }
        }
    } guard{draft.state};
    ::new (draft.body) Body(std::forward<F>(function));
    guard.state = nullptr;
    eager ? start_task_now(*draft.state) : start_task(*draft.state);
    return draft.state;
}

}  // namespace weft::detail
