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
    void (*drop_callable)(void* body) noexcept;  ///< null: there is nothing to do
    void (*drop_result)(void* body) noexcept;    ///< the same
    std::size_t body_size;
    std::size_t body_alignment;
};

/// The callable of a task and the place of its result, in the task's record when small enough.
template <class F, class R>
struct TaskBody {
    template <class G>
    explicit TaskBody(G&& function) noexcept(std::is_nothrow_constructible_v<F, G>)
        : callable{std::forward<G>(function)} {}
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

template <class F, class R>
inline constexpr TaskOperations kTaskOperations{
    {nullptr},  // a task's end gives its record back by itself
    &TaskBody<F, R>::run,
    std::is_trivially_destructible_v<F> ? nullptr : &TaskBody<F, R>::drop_callable,
    std::is_void_v<R> || std::is_trivially_destructible_v<R> ? nullptr
                                                             : &TaskBody<F, R>::drop_result,
    sizeof(TaskBody<F, R>),
    alignof(TaskBody<F, R>),
};

/// Where a task may run.
enum class TaskKind : std::uint8_t { Pinned, Stealable };

/// What its maker may choose about a task.
struct TaskChoices {
    std::string name = {};
    Ref<ContextState> context = {};  // null: a copy of the maker's
    bool eager_start = false;
};

/// A record with room for the body, which the caller makes before start_task or gives up.
struct TaskDraft {
    FutureState* state;
    void* body;
};

/// `loop`: the one a pinned task lives on; null: the running one. Of a stealable task: any of its runtime.
/// Throws RuntimeError without a loop, std::bad_alloc without memory for a record or a stack.
[[nodiscard]] TaskDraft draft_task(
    const TaskOperations& operations, TaskKind kind, Sink* loop, const Site& site
);
/// The same, with choices, which are taken from.
[[nodiscard]] TaskDraft draft_chosen_task(
    const TaskOperations& operations,
    TaskKind kind,
    Sink* loop,
    const Site& site,
    TaskChoices& choices
);
void abandon_draft(FutureState& state) noexcept;
/// Makes the task ready to run. The runtime holds a reference of its own from here on.
void start_task(FutureState& state) noexcept;
/// The same, but it runs before this returns, up to its first suspension; where that cannot be, in
/// its turn.
void start_task_now(FutureState& state) noexcept;

/// Moves the callable into the draft, which is given up if that throws.
template <class Body, class F>
void fill_draft(const TaskDraft& draft, F&& function) {
    if constexpr (std::is_nothrow_constructible_v<std::decay_t<F>, F>) {
        ::new (draft.body) Body(std::forward<F>(function));
    } else {
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
    }
}

/// Makes a task of `function`; the caller owns one reference of the result.
template <class F, class R = std::invoke_result_t<std::decay_t<F>&>>
[[nodiscard]] FutureState* make_task(F&& function, TaskKind kind, Sink* loop, const Site& site) {
    const TaskDraft draft = draft_task(kTaskOperations<std::decay_t<F>, R>, kind, loop, site);
    fill_draft<TaskBody<std::decay_t<F>, R>>(draft, std::forward<F>(function));
    start_task(*draft.state);
    return draft.state;
}
template <class F, class R = std::invoke_result_t<std::decay_t<F>&>>
[[nodiscard]] FutureState* make_task(
    F&& function, TaskKind kind, Sink* loop, const Site& site, TaskChoices&& choices
) {
    const bool eager = choices.eager_start;
    const TaskDraft draft =
        draft_chosen_task(kTaskOperations<std::decay_t<F>, R>, kind, loop, site, choices);
    fill_draft<TaskBody<std::decay_t<F>, R>>(draft, std::forward<F>(function));
    eager ? start_task_now(*draft.state) : start_task(*draft.state);
    return draft.state;
}

}  // namespace weft::detail
