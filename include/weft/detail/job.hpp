#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <weft/detail/future_state.hpp>

namespace weft::detail {

/// A function that waits for a thread of an executor; also the future of its result.
///
///   Queued ── a thread takes it ──► Running
///      └── cancel() ──► Cancelled
///
/// Edge: none of its own. Who made it handed it over in the executor's queue; the CAS only decides.
///
/// Threads   any.
class JobState : public FutureState {
public:
    /// Calls the function and finishes the future, unless it was cancelled.
    void run() noexcept;

protected:
    struct JobOperations : FutureOperations {
        /// Calls the function and stores what it returns; lets its exceptions out.
        void (*call)(JobState& job);
        void (*drop_function)(JobState& job) noexcept;
    };

    JobState(const JobOperations& operations, void* value, Sink* loop) noexcept
        : FutureState(operations, value, loop, false), job_operations_(operations) {
        claimed_.store(true, std::memory_order_relaxed);  // nobody else may set a result
    }
    ~JobState() = default;

    static bool cancel(FutureState& state, const std::string& message) noexcept;
    /// Whether nobody took it: then the function is still there.
    [[nodiscard]] bool untouched() const noexcept {
        return phase_.load(std::memory_order_relaxed) == Phase::Queued;
    }

private:
    enum class Phase : std::uint8_t { Queued, Running, Cancelled };

    const JobOperations& job_operations_;
    std::atomic<Phase> phase_{Phase::Queued};
};

template <class F, class R>
class JobOf final : public JobState {
public:
    template <class G>
    JobOf(G&& function, Sink* loop) : JobState(kOperations, &slot_, loop) {
        ::new (static_cast<void*>(std::addressof(function_))) F(std::forward<G>(function));
    }

private:
    ~JobOf() {
        if (untouched()) {
            function_.~F();
        }
    }

    static void call(JobState& job) {
        auto& self = static_cast<JobOf&>(job);
        if constexpr (std::is_void_v<R>) {
            self.function_();
        } else {
            ::new (static_cast<void*>(std::addressof(self.slot_.value))) R(self.function_());
        }
    }
    static void drop_function(JobState& job) noexcept { static_cast<JobOf&>(job).function_.~F(); }
    static void destroy(FutureState& state) noexcept {
        auto& self = static_cast<JobOf&>(state);
        if constexpr (!std::is_void_v<R>) {
            if (self.status() == Status::Value) {
                self.slot_.value.~R();
            }
        }
        delete &self;
    }
    static constexpr JobOperations kOperations{
        {&destroy, &JobState::cancel}, &call, &drop_function};

    Slot<R> slot_;
    union {
        F function_;
    };
};

}  // namespace weft::detail
