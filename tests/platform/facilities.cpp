#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <vector>
#include <weft/run.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "base/disable.hpp"
#include "fiber/guard.hpp"
#include "fiber/slab_table.hpp"
#include "sched/cpu_quota.hpp"
#include "sched/topology.hpp"

// Says on one line what weft uses on this machine and whether its work is right, for facilities_test.py;
// or overflows a stack: `platform_facilities overflow`.

namespace {

constexpr int kTasks = 100;
constexpr int kYields = 20;

const weft::rt::Stack& own_stack() {
    return *weft::rt::find_stack(__builtin_frame_address(0));
}

const char* guard_here() {
    switch (own_stack().guard_kind) {
        case weft::rt::GuardKind::ProcessMadvise:
            return "process_madvise";
        case weft::rt::GuardKind::Madvise:
            return "madvise";
        case weft::rt::GuardKind::Mprotect:
            return "mprotect";
        case weft::rt::GuardKind::Canary:
            break;
    }
    return "canary";
}

/// Fills most of a stack of 188 KiB.
[[gnu::noinline]] int descend(int depth) {
    volatile char frame[1024];
    frame[0] = static_cast<char>(depth % 8);
    return depth > 0 ? descend(depth - 1) + frame[0] : 0;
}

constexpr int kDepth = 100;

int one_task(std::atomic<int>& moves) {
    int loop = weft::get_running_loop().index();
    for (int i = 0; i < kYields; ++i) {
        weft::yield();
        const int now = weft::get_running_loop().index();
        moves += now != loop ? 1 : 0;
        loop = now;
    }
    return descend(kDepth);
}

int work() {
    const int width = weft::Runtime().workers();
    weft::RuntimeOptions options;
    options.workers = 2;
    options.hop = true;
    std::atomic<int> moves{0};
    const char* guard = "";
    const bool right = weft::run(
        [&] {
            std::vector<weft::Task<int>> tasks;
            for (int i = 0; i < kTasks; ++i) {
                tasks.push_back(weft::spawn([&] { return one_task(moves); }));
            }
            int expected = 0;
            for (int depth = 1; depth <= kDepth; ++depth) {
                expected += depth % 8;
            }
            const bool all = std::all_of(tasks.begin(), tasks.end(), [&](auto& task) {
                return weft::await(task) == expected;
            });
            guard = guard_here();
            return all;
        },
        options
    );
    const auto quota = weft::rt::is_disabled("cgroup") ? std::nullopt : weft::rt::cpu_quota();
    std::printf(
        "work=%s moved=%s guard=%s hwloc=%s width=%d cpus=%zu quota=%g\n",
        right ? "right" : "wrong",
        moves > 0 ? "yes" : "no",
        guard,
        weft::rt::Topology::detect().from_hwloc ? "yes" : "no",
        width,
        weft::rt::Topology::detect().cpus.size(),
        quota.value_or(0)
    );
    return right ? 0 : 1;
}

/// Fills the stack and some hundred bytes below it, where its guard is.
[[gnu::noinline]] int fall_below(const std::byte* low) {
    volatile char frame[64];
    std::fill(frame, frame + sizeof frame, '\1');
    const auto* const here = static_cast<const std::byte*>(__builtin_frame_address(0));
    return here > low - 512 ? fall_below(low) + frame[0] : 0;
}

/// A guard stops it at once; a canary tells of it at the wait.
void overflow() {
    fall_below(own_stack().low);
    weft::yield();
}

}  // namespace

int main(int count, char** /*arguments*/) {
    if (count == 1) {
        return work();
    }
    // As a program that installs no handler: a sanitizer's is in the way.
    std::signal(SIGSEGV, SIG_DFL);
    weft::run([] { weft::await(weft::create_task(overflow, "fetch-42")); });
    return 0;
}
