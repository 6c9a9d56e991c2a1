#pragma once

#include "fiber/stack.hpp"

namespace weft::rt {

/// Fills in what the sanitizers must know of the stack that the calling thread began on, and has LSan
/// look there although the thread will stand on a task's.
void describe_thread_stack(Stack& stack) noexcept;
void forget_thread_stack(const Stack& stack) noexcept;

}  // namespace weft::rt
