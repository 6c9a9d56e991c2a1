#include "sched/progress.hpp"

#include "sched/worker.hpp"

namespace weft::rt {

Nanos Progress::kept(const Worker& worker, Nanos now) noexcept {
    const std::uint64_t progress = worker.counters.tasks_run.get() +
                                   worker.counters.callbacks_run.get() +
                                   worker.counters.turns.get();
    if (progress != seen_ || worker.sleeps_undisturbed() || !worker.driven()) {
        seen_ = progress;
        since_ = now;
    }
    return now - since_;
}

}  // namespace weft::rt
