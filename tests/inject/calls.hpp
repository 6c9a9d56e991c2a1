#pragma once

#include <atomic>
#include <cstdint>

// Which calls of libc can be made to fail; interpose.cpp defines each of them. The formatter moves
// them on at each pass.
// clang-format off
#define WEFT_INJECT_CALLS(X)                                                                  \
    X(accept4) X(bind) X(clock_nanosleep) X(close) X(connect) X(epoll_create1) X(epoll_ctl)   \
    X(epoll_pwait2) X(epoll_wait) X(eventfd) X(getaddrinfo) X(getsockname) X(getsockopt)      \
    X(listen) X(madvise) X(membarrier) X(mmap) X(mprotect) X(munmap) X(open) X(openat)        \
    X(process_madvise)                                                                        \
    X(pthread_create) X(read) X(recv) X(sched_getaffinity) X(sched_setaffinity) X(send)       \
    X(sendmsg) X(setsockopt) X(shutdown) X(sigaltstack) X(socket) X(write)
// clang-format on

namespace weft::inject {

enum class Call : std::uint8_t {
#define WEFT_INJECT_ENUMERATOR(name) name,
    WEFT_INJECT_CALLS(WEFT_INJECT_ENUMERATOR)
#undef WEFT_INJECT_ENUMERATOR
        kCount
};

/// What is to be done to one call.
struct Fault {
    int error = 0;          ///< an errno value, or an EAI_ one of getaddrinfo
    bool is_short = false;  ///< half of the bytes
    [[nodiscard]] explicit operator bool() const noexcept { return error != 0 || is_short; }
};

/// Counts a call and says what is to be done to it. Any thread.
[[nodiscard]] Fault next_fault(Call call) noexcept;

/// The definition after ours: that of libc.
[[nodiscard]] void* next_definition(const char* name) noexcept;

}  // namespace weft::inject
