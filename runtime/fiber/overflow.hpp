#pragma once

#include <csignal>
#include <cstddef>

#include "fiber/slab_table.hpp"
#include "fiber/stack.hpp"

namespace weft::rt {

/// Makes the process say which task ran off its stack before it dies of that:
///
///     weft: stack overflow in task 'NAME' (stack 196608 bytes, fault at 0x7f..., in FUNCTION+0x1c)
///
/// Installs a handler for SIGSEGV and SIGBUS, once; later calls do nothing. It is a change to the
/// whole process, so it must not happen unasked: the first Runtime that starts asks for it.
/// Whatever is no fault in a guard goes on to the handler that was there before, as if ours were
/// not; what dies, dies of the same signal, with the faulting frame on top of the core.
///
/// The handler needs a SignalStack on each thread that runs tasks.
///
/// Threads  any.
void install_overflow_handler() noexcept;

/// Writes the name of the task that runs on a stack, zero-terminated, into `out`. Is called in a
/// signal handler: no locks, no memory, no stack to speak of.
using DescribeStackOwner = void (*)(const Stack& stack, char* out, std::size_t size);
void set_stack_owner_describer(DescribeStackOwner describe) noexcept;

/// Says that a stack without a guard ran over, which canary_intact() told, and aborts: its lower
/// neighbour may be damaged, too.
[[noreturn]] void die_of_broken_canary(const Stack& stack) noexcept;

/// Somewhere for signal handlers of this thread to run while a task's stack is full.
///
/// Threads  made and destroyed on the thread that it serves. The one that was there before, such as
/// a
///          sanitizer's, comes back.
class SignalStack {
public:
    SignalStack() noexcept;
    SignalStack(const SignalStack&) = delete;
    SignalStack& operator=(const SignalStack&) = delete;
    ~SignalStack();

    /// False when memory was refused: an overflow on this thread will kill without a word.
    [[nodiscard]] bool is_installed() const noexcept { return memory_ != nullptr; }

private:
    void* memory_ = nullptr;
    stack_t previous_{};
};

}  // namespace weft::rt
