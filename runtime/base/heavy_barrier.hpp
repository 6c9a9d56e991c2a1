#pragma once

#include <atomic>

namespace weft::rt {

/// Memory barriers for two sides of which one comes by all the time and the other rarely.
///
///   often    store x;  light_barrier();  load y
///   rarely   store y;  heavy_barrier();  load x
///
/// At least one of the two loads sees the other side's store. The light one only keeps the compiler from moving
/// anything; the heavy one is as if every thread of the process passed a full barrier at that moment
/// (membarrier(2)).
inline void light_barrier() noexcept {
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

/// Whether this process may use the heavy one. The first call registers it with the kernel. Never under TSan,
/// which knows nothing of it.
[[nodiscard]] bool has_heavy_barrier() noexcept;

/// Only where has_heavy_barrier(). Takes 0.5 to 10 us and a moment of each core that runs a thread of the process;
/// the kernel makes one at a time, for all processes.
/// Returns  false when it is refused all the same: a filter of system calls that came later, or no memory.
[[nodiscard]] bool heavy_barrier() noexcept;

}  // namespace weft::rt
