#pragma once

#include <cstddef>

#include "fiber/sanitizer.hpp"
#include "fiber/stack.hpp"

#if defined(__x86_64__) && !defined(WEFT_BOOST_SWITCH)
#define WEFT_OWN_SWITCH 1
#include "fiber/switch_x86_64.hpp"
#else
#define WEFT_OWN_SWITCH 0
#include "fiber/switch_boost.hpp"
#endif

// The only stack switch in weft (R11), and the place where the sanitizers are told of it. What is below
// it is Boost.Context's (switch_boost.hpp), or, on x86-64 unless WEFT_SWITCH is boost, weft's own.
//
// All tasks are suspended at one call site, in a function that is never inlined (task/carrier: suspend):
// the return address on every suspended stack is then the same, and the commit's own `ret` enters the
// target, so that the processor's return stack stays in balance (a switch that leaves by a jump costs 8 to
// 12 ns on the returns after it). fiber/README.md has the hazards.

namespace weft::rt {

/// A suspended stack: where its registers lie.
using Context = void*;

/// What must happen once the old stack has been left: it runs first thing on the next stack, on the
/// same thread. Its argument may lie on the stack that was left, and must be copied before the
/// commit publishes that stack to others (R4). It may not suspend or throw.
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

/// The commit of one who has nothing to commit.
inline void nothing_to_commit(void* /*argument*/) noexcept {}

/// ASan must be told of an arrival first thing on the stack that is entered.
struct Arrival {
    Commit commit;
    void* argument;
    Stack* target;

    WEFT_NO_INSTRUMENT static void run(void* arrival) noexcept {
        // A copy: the stack it lies on may be somebody else's as soon as the commit has run.
        const Arrival self = *static_cast<Arrival*>(arrival);
        asan_finish_switch(*self.target);
        self.commit(self.argument);
    }
};

/// Leaves `from`, saving where to go on into `*save` before `commit` runs. Returns when somebody switches
/// to `*save`, perhaps on another thread. `entry` null: goes on at `to`, which is suspended, on to_stack.
/// Else to_stack is unused, and `entry`, which must not return, begins there.
///
/// Inlined into task/carrier's suspend(), which is the one call site that tasks are suspended at:
/// each frame between here and the task's own code is a `ret` that the processor predicts wrong
/// when the task is resumed from elsewhere (4 to 5 ns each, measured).
[[gnu::always_inline]] inline void switch_stack(
    Context* save,
    Stack& from,
    Context to,
    Stack& to_stack,
    Commit commit,
    void* argument,
    void (*entry)() = nullptr
) noexcept {
    asan_start_switch(&from, to_stack);
    tsan_switch(to_stack);
    if constexpr (WEFT_ASAN) {
        Arrival arrival{commit, argument, &to_stack};
        leave_for(save, to, to_stack, &Arrival::run, &arrival, entry);
    } else {
        leave_for(save, to, to_stack, commit, argument, entry);
    }
}

/// Leaves the stack for good: nothing on it will be looked at again. `commit` may hand it to others.
[[noreturn, gnu::always_inline]] inline void abandon_stack(
    Context to, Stack& to_stack, Commit commit, void* argument
) noexcept {
    asan_start_switch(nullptr, to_stack);
    tsan_switch(to_stack);
    if constexpr (WEFT_ASAN) {
        Arrival arrival{commit, argument, &to_stack};
        go_to(to, &Arrival::run, &arrival);
    } else {
        go_to(to, commit, argument);
    }
}

/// Prepares an unused stack for a switch to it that comes later: that runs the commit, then `entry`,
/// which must not return.
[[nodiscard]] inline Context make_context(Stack& stack, void (*entry)()) noexcept {
    return prepare_stack(stack, entry);
}

}  // namespace weft::rt
