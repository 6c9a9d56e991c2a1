#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/birthplace.hpp"
#include "base/check.hpp"
#include "base/posix.hpp"
#include "fiber/sanitizer.hpp"
#include "reactor/descriptor_table.hpp"
#include "reactor/reactor.hpp"

namespace weft::rt {
namespace {

/// Data of the wake-up's own event; no descriptor has this tag, since generations in use are odd.
constexpr std::uint64_t kWakeTag = 0;
constexpr int kEventsPerPoll = 128;
/// Of a rescuer: so many descriptors may become ready at once and not wait for its next look.
constexpr int kMostVisits = 100;
constexpr Nanos kNanosPerSecond = 1'000'000'000;

/// The epoll backend: edge-triggered, one registration per descriptor for life, the system call
/// tried first. Many threads may perform operations; the loop waits, and a rescuer looks in.
class EpollReactor final : public Reactor {
public:
    EpollReactor() : table_(*this) {}

    std::error_code open() noexcept;

    int wait(Nanos timeout) noexcept override;
    void dispatch() noexcept override;
    int rescue() noexcept override;
    int fd() const noexcept override { return epoll_.get(); }
    void wake() noexcept override;
    std::error_code attach(int fd, bool ready, Descriptor*& descriptor) noexcept override;
    ssize_t perform(Operation& operation) override;
    void end(Descriptor& descriptor) noexcept override;

private:
    using Events = std::array<epoll_event, kEventsPerPoll>;

    [[nodiscard]] int collect(Nanos timeout, Events& events) noexcept;
    [[nodiscard]] int wait_in_kernel(Nanos timeout, Events& events) noexcept;
    /// False for the wake-up's own event.
    [[nodiscard]] bool wake_tasks(const epoll_event& event, detail::WokenList& woken) noexcept;

    Birthplace birthplace_;  // a child of fork() must leave its parent's epoll alone
    /// valgrind 3.19 does not know epoll_pwait2 and says so, in five lines at each wait.
    const bool knows_milliseconds_only_ = runs_on_valgrind();
    UniqueFd epoll_;
    UniqueFd wakeup_;
    Events events_{};
    int event_count_ = 0;
    DescriptorTable table_;
};

std::error_code system_error(int negative_errno) noexcept {
    return {-negative_errno, std::system_category()};
}

std::error_code EpollReactor::open() noexcept {
    const int epoll = checked(::epoll_create1, EPOLL_CLOEXEC);
    if (epoll < 0) {
        return system_error(epoll);
    }
    epoll_ = UniqueFd(epoll);
    const int wakeup = checked(::eventfd, 0U, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wakeup < 0) {
        return system_error(wakeup);
    }
    wakeup_ = UniqueFd(wakeup);
    // Edge-triggered and never read: each write is an edge, and the read is saved.
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.u64 = kWakeTag;
    const int added = checked(::epoll_ctl, epoll_.get(), EPOLL_CTL_ADD, wakeup_.get(), &event);
    return added < 0 ? system_error(added) : std::error_code{};
}

int EpollReactor::wait(Nanos timeout) noexcept {
    event_count_ = collect(timeout, events_);
    return event_count_;
}

int EpollReactor::collect(Nanos timeout, Events& events) noexcept {
    WEFT_CHECK(
        birthplace_.is_here(),
        "a loop goes on in a child process of fork(), where its thread can only exec or _exit"
    );
    const int count = wait_in_kernel(timeout, events);
    WEFT_CHECK(count >= 0 || count == -EINTR, "epoll_wait failed");
    return std::max(count, 0);
}

int EpollReactor::wait_in_kernel(Nanos timeout, Events& events) noexcept {
    if (!knows_milliseconds_only_) [[likely]] {
        timespec limit{};
        timespec* until = nullptr;
        if (timeout != kNever) {
            limit.tv_sec = timeout / kNanosPerSecond;
            limit.tv_nsec = timeout % kNanosPerSecond;
            until = &limit;
        }
        const int count =
            checked(::epoll_pwait2, epoll_.get(), events.data(), kEventsPerPoll, until, nullptr);
        if (count != -ENOSYS && count != -EPERM) [[likely]] {
            return count;
        }
    }
    // Also an older kernel, or a sandbox that does not know the call: milliseconds, rounded up.
    constexpr Nanos kMilli = 1'000'000;
    const int milliseconds =
        timeout == kNever
            ? -1
            : static_cast<int>(std::min<Nanos>((timeout + kMilli - 1) / kMilli, 1'000'000));
    return checked(::epoll_wait, epoll_.get(), events.data(), kEventsPerPoll, milliseconds);
}

void EpollReactor::dispatch() noexcept {
    detail::WokenList woken;
    for (int i = 0; i < event_count_; ++i) {
        static_cast<void>(wake_tasks(events_[static_cast<std::size_t>(i)], woken));
    }
    event_count_ = 0;
}

int EpollReactor::rescue() noexcept {
    Events events;  // NOLINT: filled by the kernel
    int all = 0;
    int told = 0;
    for (int visit = 0; visit < kMostVisits; ++visit) {
        const int count = collect(0, events);
        detail::WokenList woken;
        for (int i = 0; i < count; ++i) {
            told += wake_tasks(events[static_cast<std::size_t>(i)], woken) ? 1 : 0;
        }
        all += count;
        if (count < kEventsPerPoll) {
            break;
        }
    }
    if (told < all) {
        wake();  // the edge is gone, and the loop may be about to sleep for it
    }
    return told;
}

bool EpollReactor::wake_tasks(const epoll_event& event, detail::WokenList& woken) noexcept {
    constexpr std::uint32_t kReadable = EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLERR | EPOLLHUP;
    constexpr std::uint32_t kWritable = EPOLLOUT | EPOLLERR | EPOLLHUP;
    constexpr std::uint32_t kBroken = EPOLLERR | EPOLLHUP;
    constexpr std::uint32_t kEnded = EPOLLRDHUP | kBroken;
    if (event.data.u64 == kWakeTag) {
        return false;
    }
    Descriptor* const descriptor = table_.find(event.data.u64);
    if (descriptor == nullptr) {
        return true;  // closed by somebody earlier in this batch, or elsewhere
    }
    const std::uint32_t generation = DescriptorTable::generation(event.data.u64);
    if ((event.events & EPOLLPRI) != 0) {
        descriptor->set_urgent(true);
    }
    if ((event.events & kReadable) != 0) {
        descriptor->set(generation, Direction::Read, woken, (event.events & kEnded) != 0);
    }
    if ((event.events & kWritable) != 0) {
        descriptor->set(generation, Direction::Write, woken, (event.events & kBroken) != 0);
    }
    return true;
}

void EpollReactor::wake() noexcept {
    if (!birthplace_.is_here()) {
        return;
    }
    constexpr std::uint64_t kOne = 1;
    // Full (EAGAIN) means that an edge is on its way already. Interrupted, it would be lost.
    static_cast<void>(retried(::write, wakeup_.get(), &kOne, sizeof kOne));
}

std::error_code EpollReactor::attach(int fd, bool ready, Descriptor*& descriptor) noexcept {
    if (!birthplace_.is_here()) {
        return std::make_error_code(std::errc::operation_not_permitted);
    }
    descriptor = table_.give_out(fd, ready);
    if (descriptor == nullptr) {
        return std::make_error_code(std::errc::not_enough_memory);
    }
    epoll_event event{};
    event.events = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u64 = DescriptorTable::tag(*descriptor);
    const int added = checked(::epoll_ctl, epoll_.get(), EPOLL_CTL_ADD, fd, &event);
    if (added < 0) {
        static_cast<void>(descriptor->begin_close());
        table_.take_back(*descriptor);
        descriptor = nullptr;
        return system_error(added);
    }
    return {};
}

void EpollReactor::end(Descriptor& descriptor) noexcept {
    // Before the close: another process may hold the same description, and its events would go on.
    if (birthplace_.is_here()) {
        static_cast<void>(
            checked(::epoll_ctl, epoll_.get(), EPOLL_CTL_DEL, descriptor.fd(), nullptr)
        );
    }
    static_cast<void>(checked(::close, descriptor.fd()));
    table_.take_back(descriptor);
}

Direction direction_of(Operation::Kind kind) noexcept {
    return kind == Operation::Kind::Send || kind == Operation::Kind::Connect ? Direction::Write
                                                                             : Direction::Read;
}

const char* wait_name(Operation::Kind kind) noexcept {
    switch (kind) {
        case Operation::Kind::Receive:
            return "receive";
        case Operation::Kind::Send:
            return "send";
        case Operation::Kind::Accept:
            return "accept";
        case Operation::Kind::Connect:
            return "connect";
    }
    return "";
}

ssize_t connect_result(int fd) noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    const int got = checked(::getsockopt, fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return got < 0 ? got : -error;
}

/// The system call itself; sets `more` when the direction may be tried again at once.
ssize_t attempt(Operation& operation, bool& more) noexcept {
    const int fd = operation.descriptor.fd();
    switch (operation.kind) {
        case Operation::Kind::Receive: {
            const ssize_t count = retried(::recv, fd, operation.buffer, operation.size, 0);
            // A stream that gave less than it was asked for is empty: the next edge will tell. But
            // one byte of urgent data ends a read before it, and no edge tells of what is behind it.
            more = count > 0 && (static_cast<std::size_t>(count) == operation.size ||
                                 operation.descriptor.urgent());
            if (count == -EAGAIN) {
                operation.descriptor.set_urgent(false);
            }
            return count;
        }
        case Operation::Kind::Send: {
            msghdr message{};
            message.msg_iov = const_cast<iovec*>(operation.vectors);
            message.msg_iovlen = static_cast<std::size_t>(operation.vector_count);
            // SIGPIPE must never kill: the error is enough.
            const ssize_t count = retried(::sendmsg, fd, &message, MSG_NOSIGNAL);
            more = count >= 0;
            return count;
        }
        case Operation::Kind::Accept: {
            operation.address_size = sizeof(sockaddr_storage);
            const int accepted = retried(
                ::accept4,
                fd,
                reinterpret_cast<sockaddr*>(operation.address),
                &operation.address_size,
                SOCK_NONBLOCK | SOCK_CLOEXEC
            );
            more = accepted != -EAGAIN;
            return accepted;
        }
        case Operation::Kind::Connect:
            more = true;
            return connect_result(fd);
    }
    return -EINVAL;
}

ssize_t EpollReactor::perform(Operation& operation) {
    Descriptor& descriptor = operation.descriptor;
    detail::require_waitable(wait_name(operation.kind));
    if (!descriptor.use()) {
        return -EBADF;
    }
    Readiness& readiness = descriptor.readiness(direction_of(operation.kind));
    ssize_t result = 0;
    for (;;) {
        result = readiness.take(wait_name(operation.kind), &descriptor);
        if (result < 0) {
            break;
        }
        bool more = false;
        result = attempt(operation, more);
        if (result == -EAGAIN) {
            continue;
        }
        if (more || result <= 0) {
            readiness.set();  // there may be more; an end or an error is there for the next one too
        }
        break;
    }
    descriptor.unuse();
    return result;
}

}  // namespace

std::error_code make_epoll_reactor(std::unique_ptr<Reactor>& reactor) {
    auto made = std::make_unique<EpollReactor>();
    if (const std::error_code error = made->open()) {
        return error;
    }
    reactor = std::move(made);
    return {};
}

}  // namespace weft::rt
