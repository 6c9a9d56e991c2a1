#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <thread>

#include "storm/keeper.hpp"

namespace weft::storm {
namespace {

struct Steps {
    std::atomic<std::uint64_t> of[2]{};
    std::atomic<pid_t> thread[2]{};
};

[[noreturn]] void walk(Steps& steps, int who) {
    steps.thread[who] = ::gettid();
    for (;;) {
        steps.of[who].fetch_add(1);
        std::this_thread::yield();
    }
}

void wait_for_steps(const Steps& steps, int who) {
    const std::uint64_t before = steps.of[who];
    while (steps.of[who] < before + 100) {
        std::this_thread::yield();
    }
}

int say(const char* what, int code) {
    std::printf("storm: %s\n", what);
    return code;
}

int stop_first(Steps& steps, pid_t child) {
    wait_for_steps(steps, 0);
    wait_for_steps(steps, 1);
    Freezer freezer(child);
    if (freezer.stop(steps.thread[0]) != Freezer::Result::Frozen) {
        return say("freezes are off: the system refuses ptrace", EXIT_SUCCESS);
    }
    const std::uint64_t before = steps.of[0];
    wait_for_steps(steps, 1);
    const bool still = steps.of[0] == before;
    freezer.let_go();
    if (!still) {
        return say("a thread that was stopped went on", EXIT_FAILURE);
    }
    wait_for_steps(steps, 0);
    return say(
        "a thread that is stopped stands still, and goes on when it is let go", EXIT_SUCCESS
    );
}

}  // namespace

int check_freezes(bool refuse_ptrace) {
    void* const memory =
        ::mmap(nullptr, sizeof(Steps), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return say("no memory to share", EXIT_FAILURE);
    }
    auto& steps = *new (memory) Steps;
    const pid_t child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        std::thread first([&] { walk(steps, 0); });
        walk(steps, 1);
    }
    if (refuse_ptrace) {
        Freezer::refuse_from_now_on();
    }
    const int code = stop_first(steps, child);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    return code;
}

}  // namespace weft::storm
