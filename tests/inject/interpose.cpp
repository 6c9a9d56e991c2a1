#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <mutex>
#include <vector>

#include "inject/calls.hpp"

// The functions that stand before those of libc. A fault must be one that the kernel could give, or
// what it shows is no bug:
//
//   - close() that fails has closed all the same, and so has a connect() that was interrupted begun;
//   - after "nothing there" (EAGAIN) and after a read that was short there is another edge of epoll,
//     as if the rest had come a moment later: weft relies on that, and the kernel keeps it.
//
// Each has a C++ name of its own and libc's name for the linker, as its declarations differ in what
// they say about exceptions.

namespace {

using weft::inject::Call;
using weft::inject::Fault;
using weft::inject::next_fault;

template <class Function>
Function* libc(Function*, const char* name) noexcept {
    return reinterpret_cast<Function*>(weft::inject::next_definition(name));
}

/// What epoll watches, to make an edge where the kernel would make one.
class Watched {
public:
    void add(int epoll, int fd, const epoll_event& event) {
        const std::lock_guard lock(mutex_);
        if (fd >= static_cast<int>(entries_.size())) {
            entries_.resize(static_cast<std::size_t>(fd) + 1);
        }
        entries_[static_cast<std::size_t>(fd)] = {epoll, event};
    }
    void forget(int fd) {
        const std::lock_guard lock(mutex_);
        if (fd >= 0 && fd < static_cast<int>(entries_.size())) {
            entries_[static_cast<std::size_t>(fd)].epoll = -1;
        }
    }
    void make_edge(int fd);

private:
    struct Entry {
        int epoll = -1;
        epoll_event event{};
    };
    std::mutex mutex_;
    std::vector<Entry> entries_;
};

Watched& watched() {
    static auto* const all = new Watched;  // threads may outlive main()
    return *all;
}

/// The bytes that remain when a transfer is to be short.
std::size_t half(std::size_t size) noexcept {
    return std::max<std::size_t>(size / 2, std::min<std::size_t>(size, 1));
}

}  // namespace

#define WEFT_DECLARE(name, result, parameters)                       \
    extern "C" result weft_inject_##name parameters asm(#name);      \
    static auto* real_##name() noexcept {                            \
        static auto* const found = libc(&weft_inject_##name, #name); \
        return found;                                                \
    }

// A call that fails with errno and does nothing.
#define WEFT_PLAIN(name, result, failure, parameters, arguments) \
    WEFT_DECLARE(name, result, parameters)                       \
    result weft_inject_##name parameters {                       \
        if (const Fault fault = next_fault(Call::name)) {        \
            errno = fault.error;                                 \
            return failure;                                      \
        }                                                        \
        return real_##name() arguments;                          \
    }

// One that returns its error.
#define WEFT_RETURNING(name, parameters, arguments)       \
    WEFT_DECLARE(name, int, parameters)                   \
    int weft_inject_##name parameters {                   \
        if (const Fault fault = next_fault(Call::name)) { \
            return fault.error;                           \
        }                                                 \
        return real_##name() arguments;                   \
    }

WEFT_PLAIN(bind, int, -1, (int fd, const sockaddr* address, socklen_t size), (fd, address, size))
WEFT_PLAIN(epoll_create1, int, -1, (int flags), (flags))
WEFT_PLAIN(
    epoll_pwait2,
    int,
    -1,
    (int epoll, epoll_event* events, int most, const timespec* timeout, const sigset_t* mask),
    (epoll, events, most, timeout, mask)
)
WEFT_PLAIN(
    epoll_wait,
    int,
    -1,
    (int epoll, epoll_event* events, int most, int timeout),
    (epoll, events, most, timeout)
)
WEFT_PLAIN(eventfd, int, -1, (unsigned initial, int flags), (initial, flags))
WEFT_PLAIN(getsockname, int, -1, (int fd, sockaddr* address, socklen_t* size), (fd, address, size))
WEFT_PLAIN(
    getsockopt,
    int,
    -1,
    (int fd, int level, int option, void* value, socklen_t* size),
    (fd, level, option, value, size)
)
WEFT_PLAIN(listen, int, -1, (int fd, int backlog), (fd, backlog))
WEFT_PLAIN(madvise, int, -1, (void* memory, std::size_t size, int advice), (memory, size, advice))
WEFT_PLAIN(
    mmap,
    void*,
    MAP_FAILED,
    (void* memory, std::size_t size, int protection, int flags, int fd, off_t offset),
    (memory, size, protection, flags, fd, offset)
)
WEFT_PLAIN(
    mprotect, int, -1, (void* memory, std::size_t size, int protection), (memory, size, protection)
)
WEFT_PLAIN(munmap, int, -1, (void* memory, std::size_t size), (memory, size))
// With a mode or without: it lies in a register that nobody else uses.
WEFT_PLAIN(open, int, -1, (const char* path, int flags, unsigned mode), (path, flags, mode))
WEFT_PLAIN(
    openat,
    int,
    -1,
    (int folder, const char* path, int flags, unsigned mode),
    (folder, path, flags, mode)
)
WEFT_PLAIN(
    sched_getaffinity,
    int,
    -1,
    (pid_t thread, std::size_t size, cpu_set_t* mask),
    (thread, size, mask)
)
WEFT_PLAIN(
    sched_setaffinity,
    int,
    -1,
    (pid_t thread, std::size_t size, const cpu_set_t* mask),
    (thread, size, mask)
)
WEFT_PLAIN(
    setsockopt,
    int,
    -1,
    (int fd, int level, int option, const void* value, socklen_t size),
    (fd, level, option, value, size)
)
WEFT_PLAIN(sigaltstack, int, -1, (const stack_t* wanted, stack_t* former), (wanted, former))
WEFT_PLAIN(socket, int, -1, (int family, int type, int protocol), (family, type, protocol))

WEFT_RETURNING(
    clock_nanosleep,
    (clockid_t clock, int flags, const timespec* length, timespec* left),
    (clock, flags, length, left)
)
WEFT_RETURNING(
    pthread_create,
    (pthread_t * thread, const pthread_attr_t* attributes, void* (*body)(void*), void* argument),
    (thread, attributes, body, argument)
)

WEFT_DECLARE(
    getaddrinfo,
    int,
    (const char* host, const char* service, const addrinfo* hints, addrinfo** found)
)
int weft_inject_getaddrinfo(
    const char* host, const char* service, const addrinfo* hints, addrinfo** found
) {
    if (const Fault fault = next_fault(Call::getaddrinfo)) {
        errno = EMFILE;  // looked at for EAI_SYSTEM only
        return fault.error;
    }
    return real_getaddrinfo()(host, service, hints, found);
}

WEFT_DECLARE(syscall, long, (long number, long a, long b, long c, long d, long e, long f))
long weft_inject_syscall(long number, long a, long b, long c, long d, long e, long f) {
    if (number == SYS_process_madvise || number == SYS_membarrier) {
        const Call call = number == SYS_membarrier ? Call::membarrier : Call::process_madvise;
        if (const Fault fault = next_fault(call)) {
            errno = fault.error;
            return -1;
        }
    }
    return real_syscall()(number, a, b, c, d, e, f);
}

WEFT_DECLARE(epoll_ctl, int, (int epoll, int operation, int fd, epoll_event* event))
int weft_inject_epoll_ctl(int epoll, int operation, int fd, epoll_event* event) {
    if (const Fault fault = next_fault(Call::epoll_ctl)) {
        errno = fault.error;
        return -1;
    }
    if (operation == EPOLL_CTL_ADD) {
        watched().add(epoll, fd, *event);
    }
    return real_epoll_ctl()(epoll, operation, fd, event);
}

void Watched::make_edge(int fd) {
    const std::lock_guard lock(mutex_);
    if (fd < 0 || fd >= static_cast<int>(entries_.size())) {
        return;
    }
    Entry& entry = entries_[static_cast<std::size_t>(fd)];
    if (entry.epoll >= 0) {
        real_epoll_ctl()(entry.epoll, EPOLL_CTL_MOD, fd, &entry.event);
    }
}

WEFT_DECLARE(close, int, (int fd))
int weft_inject_close(int fd) {
    const Fault fault = next_fault(Call::close);
    watched().forget(fd);
    const int result = real_close()(fd);
    if (fault) {
        errno = fault.error;
        return -1;
    }
    return result;
}

WEFT_DECLARE(shutdown, int, (int fd, int how))
int weft_inject_shutdown(int fd, int how) {
    const Fault fault = next_fault(Call::shutdown);
    // ENOTCONN says that the connection was over: then it must be, or the peer would wait.
    const int result = real_shutdown()(fd, fault ? SHUT_RDWR : how);
    if (fault) {
        errno = fault.error;
        return -1;
    }
    return result;
}

WEFT_DECLARE(connect, int, (int fd, const sockaddr* address, socklen_t size))
int weft_inject_connect(int fd, const sockaddr* address, socklen_t size) {
    const Fault fault = next_fault(Call::connect);
    const bool goes_on = fault.error == EINTR || fault.error == EINPROGRESS;
    const int result = !fault || goes_on ? real_connect()(fd, address, size) : -1;
    if (fault) {
        errno = fault.error;
        return -1;
    }
    return result;
}

WEFT_DECLARE(accept4, int, (int fd, sockaddr* address, socklen_t* size, int flags))
int weft_inject_accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
    if (const Fault fault = next_fault(Call::accept4)) {
        if (fault.error == EAGAIN) {
            watched().make_edge(fd);
        }
        errno = fault.error;
        return -1;
    }
    return real_accept4()(fd, address, size, flags);
}

WEFT_DECLARE(read, ssize_t, (int fd, void* buffer, std::size_t size))
ssize_t weft_inject_read(int fd, void* buffer, std::size_t size) {
    const Fault fault = next_fault(Call::read);
    if (fault.error != 0) {
        errno = fault.error;
        return -1;
    }
    return real_read()(fd, buffer, fault.is_short ? half(size) : size);
}

WEFT_DECLARE(write, ssize_t, (int fd, const void* buffer, std::size_t size))
ssize_t weft_inject_write(int fd, const void* buffer, std::size_t size) {
    const Fault fault = next_fault(Call::write);
    if (fault.error != 0) {
        errno = fault.error;
        return -1;
    }
    return real_write()(fd, buffer, fault.is_short ? half(size) : size);
}

WEFT_DECLARE(recv, ssize_t, (int fd, void* buffer, std::size_t size, int flags))
ssize_t weft_inject_recv(int fd, void* buffer, std::size_t size, int flags) {
    const Fault fault = next_fault(Call::recv);
    if (!fault) {
        return real_recv()(fd, buffer, size, flags);
    }
    if (fault.is_short) {
        const ssize_t count = real_recv()(fd, buffer, half(size), flags);
        const int error = errno;
        watched().make_edge(fd);
        errno = error;
        return count;
    }
    if (fault.error == EAGAIN) {
        watched().make_edge(fd);
    }
    errno = fault.error;
    return -1;
}

WEFT_DECLARE(send, ssize_t, (int fd, const void* buffer, std::size_t size, int flags))
ssize_t weft_inject_send(int fd, const void* buffer, std::size_t size, int flags) {
    const Fault fault = next_fault(Call::send);
    if (fault.error == 0) {
        return real_send()(fd, buffer, fault.is_short ? half(size) : size, flags);
    }
    if (fault.error == EAGAIN) {
        watched().make_edge(fd);
    }
    errno = fault.error;
    return -1;
}

WEFT_DECLARE(sendmsg, ssize_t, (int fd, const msghdr* message, int flags))
ssize_t weft_inject_sendmsg(int fd, const msghdr* message, int flags) {
    const Fault fault = next_fault(Call::sendmsg);
    if (!fault) {
        return real_sendmsg()(fd, message, flags);
    }
    if (fault.is_short) {
        // Half of the first piece: the rest has to begin within it.
        iovec first = message->msg_iov[0];
        first.iov_len = half(first.iov_len);
        msghdr less = *message;
        less.msg_iov = &first;
        less.msg_iovlen = 1;
        return real_sendmsg()(fd, &less, flags);
    }
    if (fault.error == EAGAIN) {
        watched().make_edge(fd);
    }
    errno = fault.error;
    return -1;
}
