#include <mutex>
#include <string>
#include <utility>
#include <weft/errors.hpp>
#include <weft/executor.hpp>
#include <weft/loop.hpp>

#include "base/log.hpp"
#include "loop/runtime_state.hpp"

namespace weft {

ThreadPoolExecutor& Runtime::default_executor() {
    return state_->default_executor();
}

ThreadPoolExecutor& Runtime::State::default_executor() {
    const std::lock_guard lock(mutex_);
    if (executor_ended_) {
        throw RuntimeError("the runtime is shut down, and its default executor with it");
    }
    if (scheduler != nullptr && scheduler->simulation() != nullptr) {
        throw RuntimeError("a thread was asked for in a simulation, which has none");
    }
    if (executor_ == nullptr) {
        executor_ = std::make_unique<ThreadPoolExecutor>(0, options.name + "-exec");
    }
    return *executor_;
}

void Runtime::State::end_executor(std::chrono::nanoseconds limit) noexcept {
    ThreadPoolExecutor* executor = nullptr;
    {
        const std::lock_guard lock(mutex_);
        executor_ended_ = true;
        executor =
            executor_.get();  // it stays: one who has it may ask, and is told that it is shut
    }
    if (executor == nullptr) {
        return;
    }
    executor->shutdown(false, true);
    if (!executor->join(limit)) {
        rt::log_error("shutdown left threads of the default executor behind: their jobs run on");
    }
}

ThreadPoolExecutor& detail::default_executor(const char* what) {
    Loop* const loop = loop_of(running_sink());
    if (loop == nullptr) {
        throw RuntimeError(std::string(what) + " without a running event loop");
    }
    return loop->runtime().default_executor();
}

}  // namespace weft
