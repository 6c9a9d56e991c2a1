#pragma once

#include <memory>
#include <weft/detail/future_state.hpp>

#include "sched/worker.hpp"

namespace weft::rt {

/// While it lives, SIGINT cancels a task, if nothing else is done about that signal and this is the
/// main thread; a second SIGINT ends the process, as if there were no handler.
///
/// asyncio   Runner
class Interrupt {
public:
    /// The task runs on the worker's loop.
    Interrupt(Worker& worker, detail::FutureState& task);
    Interrupt(const Interrupt&) = delete;
    Interrupt& operator=(const Interrupt&) = delete;
    ~Interrupt();

    /// Whether the signal, and nobody else, cancelled the task, which has ended.
    [[nodiscard]] bool ended_task() const noexcept;

    struct Shared;

private:
    std::shared_ptr<Shared> shared_;  // null where the signal is left alone
    detail::FutureState& task_;
};

}  // namespace weft::rt
