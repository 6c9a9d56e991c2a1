#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "loop/deadlock.hpp"
#include "sched/progress.hpp"
#include "sched/scheduler.hpp"

namespace weft::rt {

/// Says which task or callback keeps a loop from everything else, while it does, and which tasks wait for one
/// another: a thread that looks at what the loops count and the tasks wait for. Costs the loops nothing.
class StallMonitor {
public:
    /// Throws std::system_error when the system refuses a thread, std::bad_alloc. From then on it asks
    /// for no memory that it cannot do without.
    StallMonitor(Scheduler& scheduler, DeadlockWatch& deadlocks, std::chrono::nanoseconds slow);
    StallMonitor(const StallMonitor&) = delete;
    StallMonitor& operator=(const StallMonitor&) = delete;
    ~StallMonitor();

    void set_slow(std::chrono::nanoseconds slow);

private:
    struct Seen {
        Progress progress;
        bool reported = false;
    };

    void watch();
    void look(int index, Seen& seen, std::chrono::nanoseconds slow);
    static void report(
        Worker& worker, int index, std::chrono::nanoseconds kept, Progress& progress
    ) noexcept;

    Scheduler& scheduler_;
    DeadlockWatch& deadlocks_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::chrono::nanoseconds slow_;  // under the mutex
    bool ended_ = false;             // under the mutex
    std::vector<Seen> seen_;         // of each loop; the thread's
    std::thread thread_;             // last: it uses the others
};

}  // namespace weft::rt
