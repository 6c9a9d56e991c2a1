#include <weft/detail/job.hpp>

namespace weft::detail {

void JobState::run() noexcept {
    Phase expected = Phase::Queued;
    if (!phase_.compare_exchange_strong(
            expected, Phase::Running, std::memory_order_acq_rel, std::memory_order_relaxed
        )) {
        return;
    }
    Status status = Status::Value;
    try {
        job_operations_.call(*this);
    } catch (...) {
        set_error(std::current_exception());
        status = Status::Error;
    }
    job_operations_.drop_function(*this);
    finish(status);
}

bool JobState::cancel(FutureState& state, const std::string& message) noexcept {
    auto& self = static_cast<JobState&>(state);
    Phase expected = Phase::Queued;
    if (!self.phase_.compare_exchange_strong(
            expected, Phase::Cancelled, std::memory_order_acq_rel, std::memory_order_relaxed
        )) {
        return false;
    }
    self.job_operations_.drop_function(self);
    self.finish_cancelled(message);
    return true;
}

}  // namespace weft::detail
