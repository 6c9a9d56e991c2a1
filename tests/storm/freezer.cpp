#include "storm/freezer.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <string>
#include <system_error>

namespace weft::storm {

Freezer::Result Freezer::stop(pid_t thread) noexcept {
    if (::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) != 0) {
        return errno == ESRCH ? Result::Gone : Result::Refused;
    }
    ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
    int status = 0;
    while (::waitpid(thread, &status, __WALL) < 0 && errno == EINTR) {
    }
    if (!WIFSTOPPED(status)) {
        if (thread == child_) {
            saw_exit_ = true;
            exit_status_ = status;
        }
        return Result::Gone;
    }
    if (status >> 16 != PTRACE_EVENT_STOP) {
        // A signal came first; it is delivered.
        stopped_ = thread;
        let_go(WSTOPSIG(status));
        return Result::Gone;
    }
    stopped_ = thread;
    return Result::Frozen;
}

void Freezer::let_go(int signal) noexcept {
    if (::ptrace(PTRACE_DETACH, stopped_, nullptr, signal) != 0 && stopped_ != child_) {
        // The child has ended meanwhile: it is gone only when its tracer has looked at this thread.
        ::waitpid(stopped_, nullptr, __WALL);
    }
    stopped_ = 0;
}

void Freezer::refuse_from_now_on() {
    // ptrace gives EPERM, everything else is allowed.
    sock_filter steps[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_ptrace},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    const sock_fprog filter{.len = std::size(steps), .filter = steps};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
        throw std::system_error(errno, std::generic_category(), "seccomp");
    }
}

std::vector<pid_t> threads_of(pid_t process) {
    namespace fs = std::filesystem;
    std::vector<pid_t> threads;
    std::error_code gone;
    const std::string folder = "/proc/" + std::to_string(process) + "/task";
    for (fs::directory_iterator at(folder, gone), end; !gone && at != end; at.increment(gone)) {
        threads.push_back(std::stoi(at->path().filename().string()));
    }
    return threads;
}

}  // namespace weft::storm
