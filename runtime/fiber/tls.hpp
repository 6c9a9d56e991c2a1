#pragma once

namespace weft::rt {

struct Carrier;
class Simulation;

/// The carrier of this thread: what a worker keeps about the thread that it is; nullptr on a thread
/// that runs no loop. Ask again after every suspension: the task may have moved.
///
/// One of the three readers of a thread-local in weft (R1). The compiler must not reuse a value, or an
/// address, that it computed before a switch. So the variable has no name in C++ outside of tls.cpp, and
/// the read is one that the optimizer cannot see into: volatile, so that two are never made one, and
/// with memory clobbered, so that none is moved over a call. Where that is not written for a processor,
/// it is a call instead, `noinline` and with its result hidden: `noinline` alone is not enough, since the
/// compiler infers that the function is pure. The call costs 2 to 3 ns, and there are several in a spawn.
#if defined(__x86_64__)
[[nodiscard, gnu::always_inline]] inline Carrier* current_carrier() noexcept {
    Carrier* carrier;
    asm volatile("movq weft_carrier_of_thread@gottpoff(%%rip), %0\n\tmovq %%fs:(%0), %0"
                 : "=r"(carrier)
                 :
                 : "memory");
    return carrier;
}
#else
[[nodiscard]] Carrier* current_carrier() noexcept;
#endif

void set_current_carrier(Carrier* carrier) noexcept;

/// The simulation that this thread is the one real thread of; nullptr in all other cases.
[[nodiscard]] Simulation* simulation_of_thread() noexcept;

void set_simulation_of_thread(Simulation* simulation) noexcept;

/// Where a thread that runs no loop keeps the values of context variables; `drop`, if not null, is
/// called with what is there when the thread ends.
[[nodiscard]] void*& context_of_thread(void (*drop)(void*) noexcept) noexcept;

}  // namespace weft::rt
