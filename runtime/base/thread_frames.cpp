#include "base/thread_frames.hpp"

#include <execinfo.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <mutex>

#include "base/atomic.hpp"
#include "base/symbol.hpp"

// The one who asks              the thread that is asked, in its handler
//
// 1. asked = its number         1. CAS asked: its number -> 0; else it is not meant, or too late
// 2. sends the signal           2. writes its frames
// 3. waits for answered,        3. answered = true
//    or CAS asked back to 0
//
// Whoever wins the CAS has the frames: one who is late finds 0 and writes nothing. Edges: asked's release
// -> the handler's acquire; answered's release -> the one who asked.

namespace weft::rt {
namespace {

// By default it is ignored: one that comes when there is no handler any more does nothing.
constexpr int kSignal = SIGURG;
constexpr int kMostFrames = 64;
// The handler's own, and the one by which the kernel called it.
constexpr int kFramesOfHandler = 2;

std::mutex one_asks;
Atomic<pid_t> asked{0};
Atomic<bool> answered{false};
Atomic<bool> installed{false};  // relaxed: a signal without a handler is waited for in vain
std::array<void*, kMostFrames> frames;
int frame_count = 0;

pid_t this_thread() noexcept {
    return static_cast<pid_t>(::syscall(SYS_gettid));
}

void on_signal(int /*signal*/, siginfo_t* /*info*/, void* /*context*/) {
    const int saved_errno = errno;
    pid_t self = this_thread();
    if (asked.compare_exchange_strong(self, 0, acq_rel, relaxed)) {
        frame_count = ::backtrace(frames.data(), kMostFrames);
        answered.store(true, release);
    }
    errno = saved_errno;
}

/// Whether the frames are there.
bool wait_for_answer(pid_t thread, Nanos patience) noexcept {
    constexpr Nanos kBetweenLooks = 200'000;
    const Nanos deadline = monotonic_now() + patience;
    while (!answered.load(acquire)) {
        block_thread_for(kBetweenLooks);
        pid_t expected = thread;
        if (monotonic_now() >= deadline &&
            asked.compare_exchange_strong(expected, 0, acq_rel, relaxed)) {
            return false;  // else it is at it
        }
    }
    return true;
}

}  // namespace

void install_frames_handler() noexcept {
    static const bool kInstalled = [] {
        std::array<void*, 1> none{};
        static_cast<void>(::backtrace(none.data(), 1)
        );  // it may load a library, which no handler can
        struct sigaction before {};
        ::sigaction(kSignal, nullptr, &before);
        if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
            return false;
        }
        struct sigaction action {};
        action.sa_sigaction = on_signal;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
        ::sigemptyset(&action.sa_mask);
        return ::sigaction(kSignal, &action, nullptr) == 0;
    }();
    installed.store(kInstalled, relaxed);
}

std::vector<std::string> frames_of_thread(pid_t thread, Nanos patience) {
    const std::lock_guard lock(one_asks);
    if (!installed.load(relaxed)) {
        return {};
    }
    answered.store(false, relaxed);
    asked.store(thread, release);
    if (::syscall(SYS_tgkill, ::getpid(), thread, kSignal) != 0) {
        asked.store(0, relaxed);  // nobody was asked
        return {};
    }
    if (!wait_for_answer(thread, patience)) {
        return {};
    }
    std::vector<std::string> names;
    for (int i = kFramesOfHandler; i < frame_count; ++i) {
        names.push_back(symbol_of(frames[static_cast<std::size_t>(i)]));
    }
    return names;
}

}  // namespace weft::rt
