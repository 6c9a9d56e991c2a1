#include "support/settle.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>
#include <weft/sleep.hpp>

#include "loop/dump.hpp"
#include "sched/scheduler.hpp"
#include "support/scale.hpp"
#include "task/park.hpp"
#include "task/record_pool.hpp"

namespace weft::test {
namespace {

std::uint64_t steps_of(rt::Scheduler& scheduler) {
    std::uint64_t steps = 0;
    for (int i = 0; i < scheduler.width(); ++i) {
        const rt::WorkerCounters& counters = scheduler.worker(i).counters;
        steps += counters.tasks_run.get() + counters.callbacks_run.get();
    }
    return steps;
}

bool others_wait(const rt::Scheduler& scheduler, const rt::TaskState& self) {
    bool all = true;
    rt::for_each_task([&](rt::TaskState& task) {
        const bool mine = &task == &self || task.loop()->runtime() != &scheduler;
        all = all && (mine || task.done() || task.sleep.asleep());
    });
    return all;
}

/// Returns when every other loop has come round: who was seen asleep before has left its stack then,
/// and is where its wakers find it.
void let_the_others_come_round(rt::Scheduler& scheduler) {
    const auto left = std::make_shared<std::atomic<int>>(scheduler.width() - 1);
    for (int i = 0; i < scheduler.width(); ++i) {
        rt::Worker& worker = scheduler.worker(i);
        if (&worker != rt::current_carrier()) {
            worker.post(*detail::make_callback([left] { left->fetch_sub(1); }).detach());
        }
    }
    while (left->load() > 0) {
        std::this_thread::yield();
    }
}

}  // namespace

void settle() {
    rt::Carrier& carrier = rt::require_task("settle()");
    const rt::TaskState& self = *carrier.current;
    rt::Scheduler& scheduler = static_cast<rt::Worker&>(carrier).scheduler();
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::seconds(kTsan || kAsan ? 40 : 10);
    for (;;) {
        const std::uint64_t before = steps_of(scheduler);
        yield();
        // A quiet turn has no step but perhaps our own; and nobody is ready elsewhere.
        if (steps_of(scheduler) <= before + 1 && others_wait(scheduler, self)) {
            let_the_others_come_round(scheduler);
            if (others_wait(scheduler, self)) {
                return;
            }
        }
        if (std::chrono::steady_clock::now() > deadline) {
            throw std::runtime_error("settle(): still running\n" + rt::dump_tasks(&scheduler));
        }
        if (scheduler.width() > 1) {
            std::this_thread::yield();  // the others may need this core
        }
    }
}

}  // namespace weft::test
