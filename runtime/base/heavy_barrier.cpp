#include "base/heavy_barrier.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace weft::rt {
namespace {

#if defined(__SANITIZE_THREAD__)
constexpr bool kTsan = true;
#elif defined(__has_feature)
constexpr bool kTsan = __has_feature(thread_sanitizer);
#else
constexpr bool kTsan = false;
#endif

long membarrier(int command) noexcept {
    return ::syscall(SYS_membarrier, command, 0, 0);
}

bool can_register() noexcept {
    return !kTsan && membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
}

}  // namespace

bool has_heavy_barrier() noexcept {
    static const bool registered = can_register();
    return registered;
}

bool heavy_barrier() noexcept {
    return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
}

}  // namespace weft::rt
