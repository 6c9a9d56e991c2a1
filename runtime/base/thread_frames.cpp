#include "base/thread_frames.hpp"

#include <execinfo.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
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

std::mutex one_asks;
Atomic<pid_t> asked{0};
Atomic<bool> answered{false};
static_assert(Atomic<pid_t>::is_always_lock_free, "a signal handler uses it");
std::array<void*, kMostFrames> frames;
int frame_count = 0;
const void* interrupted = nullptr;

/// Where the thread was, of what the kernel has saved.
const void* place_of(const void* context) noexcept {
    const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
    const auto place = static_cast<std::uintptr_t>(machine.gregs[REG_RIP]);
#else
    const auto place = static_cast<std::uintptr_t>(machine.pc);
#endif
    return reinterpret_cast<const void*>(place);  // NOLINT(performance-no-int-to-ptr)
}

pid_t this_thread() noexcept {
    return static_cast<pid_t>(::syscall(SYS_gettid));
}

// The unwinder finds its tables without a lock here: _dl_find_object, of glibc 2.35 and GCC 12.
void on_signal(int /*signal*/, siginfo_t* /*info*/, void* context) {
    const int saved_errno = errno;
    pid_t self = this_thread();
    if (asked.compare_exchange_strong(self, 0, acq_rel, relaxed)) {
        interrupted = place_of(context);
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
    [[maybe_unused]] static const bool kInstalled = [] {
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
}

std::vector<std::string> frames_of_thread(pid_t thread, Nanos patience) {
    const std::lock_guard lock(one_asks);
    struct sigaction now {};
    if (::sigaction(kSignal, nullptr, &now) != 0 || now.sa_sigaction != on_signal) {
        return {};  // it is the program's
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
    // Above it are the handler's own.
    auto* const end = frames.begin() + frame_count;
    auto* const first = std::find(frames.begin(), end, interrupted);
    std::vector<std::string> names;
    for (auto* frame = first; frame != end; ++frame) {
        // All but the first are where a call returns to.
        names.push_back(symbol_of(static_cast<std::byte*>(*frame) + (frame == first ? 1 : 0)));
    }
    return names;
}

}  // namespace weft::rt
