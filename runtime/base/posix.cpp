#include "base/posix.hpp"

#include <unistd.h>

namespace weft::rt {

[[gnu::noinline]] int last_errno() noexcept {
    int* address = &errno;
    asm volatile("" : "+r"(address) : : "memory");
    return *address;
}

UniqueFd::~UniqueFd() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

}  // namespace weft::rt
