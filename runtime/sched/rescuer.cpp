#include "sched/rescuer.hpp"

#include <sys/prctl.h>

#include <algorithm>
#include <chrono>

#include "base/helper_thread.hpp"
#include "sched/scheduler.hpp"
#include "sched/simulation.hpp"
#include "sched/worker.hpp"

namespace weft::rt {
namespace {

constexpr Nanos kMicro = 1'000;

}  // namespace

void Rescuer::start(const std::string& name) {
    if (thread_.joinable()) {
        return;
    }
    ended_ = false;
    progress_.assign(static_cast<std::size_t>(scheduler_.width()), {});
    thread_ = std::thread([this, thread_name = name.substr(0, 8) + "/rescue"] {
        ::prctl(PR_SET_NAME, thread_name.c_str());
        const HelperThread looks;
        watch();
    });
}

void Rescuer::start_simulated(Simulation& simulation) {
    if (simulation_ != nullptr) {
        return;
    }
    ended_ = false;
    progress_.assign(static_cast<std::size_t>(scheduler_.width()), {});
    virtual_thread_ = simulation.start([this] { watch_simulated(); });
    simulation_ = &simulation;
}

void Rescuer::stop() noexcept {
    if (simulation_ != nullptr) {
        stop_simulated();
        return;
    }
    if (!thread_.joinable()) {
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void Rescuer::watch() {
    const std::chrono::microseconds between_looks(scheduler_.policy().rescue_every_us);
    std::unique_lock lock(mutex_);
    while (!ended_) {
        lock.unlock();
        const bool anybody = look(monotonic_now());
        lock.lock();
        if (anybody) {
            changed_.wait_for(lock, between_looks, [this] { return ended_; });
            continue;
        }
        told_ = false;
        doze_.begin();
        if (all_sleep_for_sure()) {
            changed_.wait(lock, [this] { return ended_ || told_; });
        }
        doze_.end();
        std::fill(progress_.begin(), progress_.end(), Progress());  // what they know is of before
    }
}

/// As watch(). Nobody else runs from a look at all loops to the sleep behind it.
void Rescuer::watch_simulated() noexcept {
    const Nanos between_looks = scheduler_.policy().rescue_every_us * kMicro;
    while (!ended_) {
        if (look(simulation_->now()) || !all_sleep_for_sure()) {
            simulation_->sleep_for(between_looks);
            continue;
        }
        doze_.begin();
        simulation_->sleep_until(kNever);
        doze_.end();
        std::fill(progress_.begin(), progress_.end(), Progress());
    }
    simulation_ = nullptr;
}

void Rescuer::stop_simulated() noexcept {
    constexpr Nanos kPause = 50'000;
    Simulation& simulation = *simulation_;
    ended_ = true;
    simulation.wake(virtual_thread_);
    while (simulation_ != nullptr) {
        simulation.sleep_for(kPause);
    }
}

bool Rescuer::look(Nanos now) noexcept {
    const Nanos stuck = scheduler_.policy().stuck_after_us * kMicro;
    bool anybody = false;
    for (int index = 0; index < scheduler_.width(); ++index) {
        Worker& worker = scheduler_.worker(index);
        anybody = anybody || (worker.driven() && !worker.sleeps_undisturbed());
        if (progress_[static_cast<std::size_t>(index)].kept(worker, now) >= stuck) {
            worker.rescue();
        }
    }
    return anybody;
}

bool Rescuer::all_sleep_for_sure() noexcept {
    for (int index = 0; index < scheduler_.width(); ++index) {
        if (!scheduler_.worker(index).sleeps_for_sure()) {
            return false;
        }
    }
    return true;
}

void Rescuer::wake() noexcept {
    if (simulation_ != nullptr) {
        simulation_->wake(virtual_thread_);
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        told_ = true;
        doze_.end();
    }
    changed_.notify_one();
}

}  // namespace weft::rt
