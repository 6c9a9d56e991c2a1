#include "loop/interrupt.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>
#include <weft/detail/callback.hpp>
#include <weft/detail/loop_api.hpp>

#include "base/atomic.hpp"
#include "base/posix.hpp"
#include "base/spin_lock.hpp"
#include "sched/door.hpp"

namespace weft::rt {

/// What the handler needs. It may run on any thread, also while that works on the loop's queues: it
/// uses the mailbox alone, which is one atomic word, and asks for no memory. It comes in by a door,
/// which is shut before any of this ends.
struct Interrupt::Shared {
    explicit Shared(Worker& loop) noexcept : worker(loop) {}

    Worker& worker;
    detail::Ref<detail::Callback> cancel;
    Atomic<int> count{0};           // relaxed: a signal orders nothing
    Atomic<bool> cancelled{false};  // relaxed: read after the task's end, which comes after

    void on_signal() noexcept {
        if (count.fetch_add(1, relaxed) == 0) {
            worker.post_from_signal(*detail::Ref<detail::Callback>(cancel).detach());
            return;
        }
        ::signal(SIGINT, SIG_DFL);
        ::raise(SIGINT);
    }
};

namespace {

Door<> door;                          // shut while there is nobody to tell
Interrupt::Shared* active = nullptr;  // whom; by those inside
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

void on_interrupt(int) noexcept {
    const int saved_errno = last_errno();
    if (door.enter()) {
        active->on_signal();
        door.leave();
    }
    errno = saved_errno;
}

bool is_main_thread() noexcept {
    return ::getpid() == static_cast<pid_t>(::syscall(SYS_gettid));
}

bool is_default_action() noexcept {
    struct sigaction action {};
    return ::sigaction(SIGINT, nullptr, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 &&
           action.sa_handler == SIG_DFL;
}

}  // namespace

Interrupt::Interrupt(Worker& worker, detail::FutureState& task) : task_(task) {
    if (!is_main_thread() || !is_default_action()) {
        return;
    }
    shared_ = std::make_shared<Shared>(worker);
    // It may be running when run() is left. What it holds goes when it has run, or is cancelled.
    auto cancel = [shared = shared_, its = detail::Ref<detail::FutureState>::share(&task)] {
        if (its->cancel({})) {
            shared->cancelled.store(true, relaxed);
        }
    };
    shared_->cancel = detail::make_callback(std::move(cancel));
    active = shared_.get();
    door.open();
    struct sigaction action {};
    action.sa_handler = on_interrupt;
    action.sa_flags = SA_RESTART | SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, nullptr);
}

Interrupt::~Interrupt() {
    if (shared_ == nullptr) {
        return;
    }
    ::signal(SIGINT, SIG_DFL);
    door.shut();
    Backoff backoff;
    while (!door.empty()) {
        backoff.pause();
    }
    active = nullptr;
    shared_->cancel->cancel();
}

bool Interrupt::ended_task() const noexcept {
    return shared_ != nullptr && shared_->cancelled.load(relaxed) &&
           task_.status() == detail::Status::Cancelled && detail::task_uncancel(task_) == 0;
}

}  // namespace weft::rt
