#include "base/heavy_barrier.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.hpp"

namespace weft::rt {
namespace {

long membarrier(int command) noexcept {
    return ::syscall(SYS_membarrier, command, 0, 0);
}

bool can_register() noexcept {
#if defined(__SANITIZE_THREAD__)
    return false;
#else
    return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
#endif
}

}  // namespace

bool has_heavy_barrier() noexcept {
    static const bool registered = can_register();
    return registered;
}

void heavy_barrier() noexcept {
    WEFT_CHECK(
        membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0,
        "membarrier() is refused, which the kernel allowed when the runtime was made: allow it in "
        "the "
        "filter of system calls, or set WEFT_POLICY=heavy_barriers=0"
    );
}

}  // namespace weft::rt
