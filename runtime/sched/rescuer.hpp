#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "sched/doze.hpp"
#include "sched/progress.hpp"

namespace weft::rt {

class Scheduler;
class Simulation;

/// A thread that looks after loops which do not come round: one is in a blocking call or computes, or its
/// thread gets no core. What others may do for it is done: what its reactor has is told to the tasks that
/// wait for it, deadlines that are due are fired, stealable tasks go to other loops. Its pinned tasks and
/// its callbacks become ready, and wait for their loop: that is the promise.
///
/// It looks every Policy::rescue_every_us while a loop is awake, and sleeps while none is.
///
/// Not where there is one loop, nor where time is not real, but on a machine that is simulated.
class Rescuer {
public:
    explicit Rescuer(Scheduler& scheduler) : scheduler_(scheduler) {}
    Rescuer(const Rescuer&) = delete;
    Rescuer& operator=(const Rescuer&) = delete;

    /// Throws std::system_error when the system refuses the thread, std::bad_alloc. Again: nothing.
    void start(const std::string& name);
    /// The same, as a virtual thread.
    void start_simulated(Simulation& simulation);
    /// Ends the thread and waits for it.
    void stop() noexcept;

    /// From a loop that wakes up, after Mailbox::unpark.
    void tell_awake() noexcept {
        if (doze_.is_on()) [[unlikely]] {
            wake();
        }
    }
    /// The same, from one that begins.
    void wake() noexcept;

private:
    void watch();
    void watch_simulated() noexcept;
    void stop_simulated() noexcept;
    /// False when no loop is awake.
    [[nodiscard]] bool look(Nanos now) noexcept;
    [[nodiscard]] bool all_sleep_for_sure() noexcept;

    Scheduler& scheduler_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool ended_ = false;  // under the mutex
    bool told_ = false;   // under the mutex
    Doze<> doze_;
    std::vector<Progress> progress_;  // of each loop; the thread's
    std::thread thread_;
    Simulation* simulation_ = nullptr;  // while it is a virtual one
    std::size_t virtual_thread_ = 0;
};

}  // namespace weft::rt
