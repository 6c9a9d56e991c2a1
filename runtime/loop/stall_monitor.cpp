#include "loop/stall_monitor.hpp"

#include <sys/prctl.h>

#include <algorithm>
#include <cstdio>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "base/helper_thread.hpp"
#include "base/log.hpp"
#include "base/thread_frames.hpp"
#include "loop/dump.hpp"

namespace weft::rt {
namespace {

using std::chrono::nanoseconds;

// How often it looks, within the time that is slow.
constexpr int kLooks = 4;
constexpr nanoseconds kShortestPause = std::chrono::milliseconds(1);
// How long a thread may take to say where it is: it may be waiting in the kernel for a disk.
constexpr nanoseconds kPatience = std::chrono::seconds(1);
// How often it asks who waits for whom, which is a look at every task.
constexpr Nanos kBetweenCycles = 1'000'000'000;

}  // namespace

StallMonitor::StallMonitor(Scheduler& scheduler, DeadlockWatch& deadlocks, nanoseconds slow)
    : scheduler_(scheduler),
      deadlocks_(deadlocks),
      slow_(slow),
      seen_(static_cast<std::size_t>(scheduler.width())),
      thread_([this] { watch(); }) {}

StallMonitor::~StallMonitor() {
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void StallMonitor::set_slow(nanoseconds slow) {
    {
        const std::lock_guard lock(mutex_);
        slow_ = slow;
    }
    changed_.notify_all();
}

void StallMonitor::watch() {
    ::prctl(PR_SET_NAME, "weft-debug");
    const HelperThread looks;
    Nanos next_cycles = monotonic_now() + kBetweenCycles;
    std::unique_lock lock(mutex_);
    while (!ended_) {
        const nanoseconds slow = slow_;
        lock.unlock();
        for (int index = 0; index < scheduler_.width(); ++index) {
            look(index, seen_[static_cast<std::size_t>(index)], slow);
        }
        if (const Nanos now = monotonic_now(); now >= next_cycles) {
            deadlocks_.look_for_cycles();
            next_cycles = now + kBetweenCycles;
        }
        lock.lock();
        if (!ended_) {
            changed_.wait_for(
                lock,
                std::clamp<nanoseconds>(slow_ / kLooks, kShortestPause, nanoseconds(kBetweenCycles))
            );
        }
    }
}

void StallMonitor::look(int index, Seen& seen, nanoseconds slow) {
    Worker& worker = scheduler_.worker(index);
    const nanoseconds kept(seen.progress.kept(worker, monotonic_now()));
    if (kept < slow) {
        seen.reported = false;
    } else if (!std::exchange(seen.reported, true)) {
        report(worker, index, kept, seen.progress);
    }
}

void StallMonitor::report(
    Worker& worker, int index, nanoseconds kept, Progress& progress
) noexcept {
    char length[32];
    std::snprintf(length, sizeof length, "%.3f s", std::chrono::duration<double>(kept).count());
    try {
        std::string text =
            describe_running(worker) + " has kept loop " + std::to_string(index) + " for " + length;
        const std::vector<std::string> frames =
            frames_of_thread(worker.thread_id(), kPatience.count());
        // The signal itself may have ended what it waited in.
        const bool goes_on = progress.kept(worker, monotonic_now()) < kept.count();
        const char* before = goes_on ? ", and goes on now\n    from " : "\n    in ";
        for (const std::string& frame : frames) {
            text += before + frame;
            before = "\n    called from ";
        }
        log_warning(text);
    } catch (const std::bad_alloc&) {
        log_warning("a loop is kept, and there is no memory to say by what");
    }
}

}  // namespace weft::rt
