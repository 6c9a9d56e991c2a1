#pragma once

#include <string>
#include <type_traits>
#include <utility>
#include <weft/task.hpp>

namespace weft {

namespace detail {
/// Waits without being cancelled: a cancellation is kept for later.
void wait_shielded(FutureState& state);
[[nodiscard]] TaskKind running_kind();
}  // namespace detail

/// Runs `function()` where a cancellation of the task does not reach, and returns what it returns: for
/// what must not be left half done, such as giving something back.
///
/// A cancellation that comes meanwhile is kept, and thrown at the first suspension after the scope.
/// Deadlines and groups within the scope work as ever, and scopes nest. The end of the runtime does
/// reach inside. The scope is a task of its own, in the same context: current_task() is another.
///
/// Suspends      until `function` has returned.
/// Cancellation  held back.
/// Errors        what `function` throws; RuntimeError outside of a task; std::bad_alloc.
/// Threads       any loop.
/// Returns       what `function` returns.
/// asyncio       none: `await shield(f())` goes on without what it shields
template <class F>
auto shield_scope(F&& function) -> std::invoke_result_t<F&> {
    using Result = std::invoke_result_t<F&>;
    static_assert(!std::is_reference_v<Result>, "a scope returns a value; use a pointer");
    const AnyTask self = current_task();
    TaskOptions options{.name = self.name() + "/shield", .context = Context(detail::own_context())};
    const auto call = [&function]() -> Result { return function(); };
    Task<Result> scope = detail::running_kind() == detail::TaskKind::Pinned
                             ? create_task(call, std::move(options))
                             : spawn(call, std::move(options));
    detail::wait_shielded(*scope.state());
    return scope.take(true);
}

}  // namespace weft
