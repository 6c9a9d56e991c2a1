#pragma once

#include <cstddef>
#include <cstdint>

#include "fiber/float_state.hpp"
#include "fiber/stack.hpp"

// The switch for x86-64. fiber/switch.hpp is the interface, and says what each of the three does.
//
// A suspended stack, from its Context upwards: MXCSR (4 bytes), the x87 control word (2), 2 unused, r15,
// r14, r13, r12, rbx, rbp, and where it goes on. Those are what the ABI has a function keep.
//
// Of the float state (R12) neither word is read back or compared: a load that follows STMXCSR waits for it,
// 7 ns on a Zen 5, where the four instructions without one take 1.3 ns of a switch.

extern "C" {

/// Suspends the caller at *save. `entry` null: goes on at `to`, which is suspended, after commit(argument)
/// has run on that stack. Else `to` is the top of an unused stack: commit(argument) runs there, and then
/// `entry`, which does not return. One function for both, so that all suspended stacks go on at one place:
/// the return that leads there is predicted then.
void weft_switch(
    void** save, void* to, void (*commit)(void*) noexcept, void* argument, void (*entry)()
) noexcept;

/// Where a stack that prepare_stack() made begins.
void weft_begin_stack();
}

namespace weft::rt {

[[gnu::always_inline]] inline void leave_for(
    void** save,
    void* to,
    Stack& to_stack,
    void (*commit)(void*) noexcept,
    void* argument,
    void (*entry)()
) noexcept {
    weft_switch(save, entry != nullptr ? to_stack.top : to, commit, argument, entry);
}

/// Not a call: whoever is suspended there was, from where the run loop stands, left by one call, and the
/// return of the commit has that call's place on the processor's return stack.
[[noreturn, gnu::always_inline]] inline void go_to(
    void* to, void (*commit)(void*) noexcept, void* argument
) noexcept {
    asm volatile(
        "movq %[to], %%rsp\n\t"
        "ldmxcsr (%%rsp)\n\t"
        "fldcw 4(%%rsp)\n\t"
        "addq $8, %%rsp\n\t"
        "popq %%r15\n\t"
        "popq %%r14\n\t"
        "popq %%r13\n\t"
        "popq %%r12\n\t"
        "popq %%rbx\n\t"
        "popq %%rbp\n\t"
        "jmpq *%%rdx"
        :
        : [to] "S"(to), "d"(commit), "D"(argument)
        : "memory"
    );
    __builtin_unreachable();
}

/// Makes an unused stack look like a suspended one.
[[nodiscard]] inline void* prepare_stack(Stack& stack, void (*entry)()) noexcept {
    constexpr int kWords = 8;
    // SAFETY: the words below `top`, which is 16-aligned, are nobody's yet.
    auto* const words = reinterpret_cast<std::uintptr_t*>(stack.top) - kWords;
    words[0] = FloatState::kDefaultMxcsr | std::uintptr_t{FloatState::kDefaultX87} << 32;
    words[1] = words[2] = words[3] = 0;
    words[4] = reinterpret_cast<std::uintptr_t>(entry);
    words[5] = words[6] = 0;
    words[7] = reinterpret_cast<std::uintptr_t>(&weft_begin_stack);
    return words;
}

}  // namespace weft::rt
