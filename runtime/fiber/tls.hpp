#pragma once

namespace weft::rt {

struct Carrier;
class Simulation;

/// The carrier of this thread: what a worker keeps about the thread that it is; nullptr on a thread
/// that runs no loop. Ask again after every suspension: the task may have moved.
///
/// One of the three readers of a thread-local in weft (R1). It is kept out of line and its result is hidden
/// from the optimizer, so that no caller can reuse an address computed before a switch: `noinline`
/// alone is not enough, since the compiler infers that the function is pure and merges two calls.
[[nodiscard]] Carrier* current_carrier() noexcept;

void set_current_carrier(Carrier* carrier) noexcept;

/// The simulation that this thread is the one real thread of; nullptr in all other cases.
[[nodiscard]] Simulation* simulation_of_thread() noexcept;

void set_simulation_of_thread(Simulation* simulation) noexcept;

/// Where a thread that runs no loop keeps the values of context variables; `drop`, if not null, is
/// called with what is there when the thread ends.
[[nodiscard]] void*& context_of_thread(void (*drop)(void*) noexcept) noexcept;

}  // namespace weft::rt
