#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>

#include "base/check.hpp"
#include "fiber/sanitizer.hpp"
#include "fiber/stack.hpp"

// The only stack switch in weft (R11), and the place where the sanitizers are told of it.
//
// Every switch is ontop_fcontext, and all tasks are suspended at one call site, in a function that
// is never inlined (task/carrier: suspend): the return address on every suspended stack is then the
// same, and the commit's own `ret` enters the target, so that the processor's return stack stays in
// balance (jump_fcontext costs 8 to 12 ns on the returns after it). fiber/README.md has the
// hazards.

namespace weft::rt {

/// A suspended stack: where its registers lie.
using Context = void*;

/// What must happen once the old stack has been left: it runs first thing on the next stack, on the
/// same thread. Its argument may lie on the stack that was left, and must be copied before the
/// commit publishes that stack to others (R4). It may not suspend or throw. Null: nothing.
using Commit = void (*)(void* argument) noexcept;

/// Says that `from` is being left for `target`; a null `from` is left for good, and the fake frames
/// that ASan keeps for it are freed.
[[gnu::always_inline]] inline void asan_start_switch(Stack* from, const Stack& target) noexcept {
#if WEFT_ASAN
    __sanitizer_start_switch_fiber(
        from != nullptr ? &from->fake_stack : nullptr,
        target.low,
        static_cast<std::size_t>(target.top - target.low)
    );
#else
    static_cast<void>(from);
    static_cast<void>(target);
#endif
}

/// Says that `target` is being run on now.
[[gnu::always_inline]] inline void asan_finish_switch(const Stack& target) noexcept {
#if WEFT_ASAN
    __sanitizer_finish_switch_fiber(target.fake_stack, nullptr, nullptr);
#else
    static_cast<void>(target);
#endif
}

/// TSan keeps a shadow stack and a clock per fiber; the switch orders what happens on one thread.
[[gnu::always_inline]] inline void tsan_switch(const Stack& target) noexcept {
#if WEFT_TSAN
    __tsan_switch_to_fiber(target.tsan_fiber, 0);
#else
    static_cast<void>(target);
#endif
}

/// What the stack that is left tells the one that is entered.
struct Departure {
    Context* save;
    Commit commit;
    void* argument;
    Stack* target;
};

/// Runs on the target's stack, before the target goes on.
boost::context::detail::transfer_t arrive(boost::context::detail::transfer_t transfer);

/// Leaves `from` for the suspended stack `to`, saving where to go on into `*save` before `commit`
/// runs. Returns when somebody switches to `*save`, perhaps on another thread.
///
/// Inlined into task/carrier's suspend(), which is the one call site that tasks are suspended at:
/// each frame between here and the task's own code is a `ret` that the processor predicts wrong
/// when the task is resumed from elsewhere (4 to 5 ns each, measured).
[[gnu::always_inline]] inline void switch_stack(
    Context* save, Stack& from, Context to, Stack& to_stack, Commit commit, void* argument
) noexcept {
    Departure departure{save, commit, argument, &to_stack};
    asan_start_switch(&from, to_stack);
    tsan_switch(to_stack);
    boost::context::detail::ontop_fcontext(to, &departure, arrive);
}

/// Leaves `from` for good: nothing on it will be looked at again. `commit` may hand it to others.
[[noreturn, gnu::always_inline]] inline void abandon_stack(
    Context to, Stack& to_stack, Commit commit, void* argument
) noexcept {
    Departure departure{nullptr, commit, argument, &to_stack};
    asan_start_switch(nullptr, to_stack);
    tsan_switch(to_stack);
    boost::context::detail::ontop_fcontext(to, &departure, arrive);
    check_failed("unreachable", "an abandoned stack was resumed", __FILE__, __LINE__);
}

/// Prepares an unused stack: the first switch to the result runs the commit, then `entry`, which
/// must not return.
[[nodiscard]] Context make_context(Stack& stack, void (*entry)()) noexcept;

}  // namespace weft::rt
