#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>
#include <vector>
#include <weft/delay.hpp>
#include <weft/shield_scope.hpp>
#include <weft/task.hpp>
#include <weft/wait.hpp>

namespace weft {

/// What came of staggered_race().
///
/// asyncio   the tuple it returns
template <class T>
struct StaggeredRace {
    std::optional<detail::Stored<T>> result;  ///< of the winner; nothing when all have failed
    std::optional<std::size_t> winner;        ///< its number
    std::vector<std::exception_ptr> exceptions =
        {};  ///< of those that were started; null: the winner's
};

namespace detail {

/// The runners of a race. They have all ended when this has.
template <class T>
class Runners {
public:
    /// Has room for so many, so that each that was started can be waited for.
    explicit Runners(std::size_t most) {
        tasks_.reserve(most);
        seen_.reserve(most);
    }
    Runners(const Runners&) = delete;
    Runners& operator=(const Runners&) = delete;

    template <class F>
    void start(F& function) {
        tasks_.push_back(create_task([&function] { return function(); }));
        seen_.push_back(false);
    }
    [[nodiscard]] std::size_t count() const noexcept { return tasks_.size(); }

    [[nodiscard]] std::vector<Task<T>> running() const {
        std::vector<Task<T>> pending;
        for (std::size_t i = 0; i < tasks_.size(); ++i) {
            if (!seen_[i]) {
                pending.push_back(tasks_[i]);
            }
        }
        return pending;
    }
    /// Notes who has ended; true when there is a winner.
    bool look(StaggeredRace<T>& race, bool& newest_failed) {
        race.exceptions.resize(tasks_.size());
        for (std::size_t i = 0; i < tasks_.size(); ++i) {
            if (seen_[i] || !tasks_[i].done()) {
                continue;
            }
            seen_[i] = true;
            auto outcome = outcome_of<T>(tasks_[i].state());
            race.exceptions[i] = outcome.error();
            if (!outcome) {
                newest_failed = newest_failed || i + 1 == tasks_.size();
            } else if (!race.winner) {
                race.winner = i;
                race.result.emplace(std::move(outcome).value());
            }
        }
        return race.winner.has_value();
    }
    /// Cancels those that run and waits until they have ended, also when cancelled again: they use
    /// the functions.
    void cancel() {
        for (const Task<T>& task : tasks_) {
            task.cancel();
        }
        for (const Task<T>& task : tasks_) {
            wait_shielded(*task.state());
        }
    }

private:
    std::vector<Task<T>> tasks_;
    std::vector<bool> seen_;
};

}  // namespace detail

/// Calls functions in tasks of their own, each when the one before has failed or `delay` after it was
/// started, until one returns; the others are cancelled then. How a client connects to the first
/// address that answers.
///
/// Suspends      until one has returned and the others have ended, or all have failed.
/// Cancellation  cancels all and waits for them.
/// Errors        CancelledError; RuntimeError outside of a task. What the functions throw is in the
///               result.
/// Threads       any loop.
/// Returns       who won, what it returned, and what the others threw.
/// asyncio       staggered.staggered_race
template <class F>
auto staggered_race(std::vector<F> functions, std::optional<Delay> delay)
    -> StaggeredRace<std::invoke_result_t<F&>> {
    using T = std::invoke_result_t<F&>;
    StaggeredRace<T> race;
    detail::Runners<T> runners(functions.size());
    try {
        bool start_next = true;
        auto next_start = detail::deadline_after(std::chrono::nanoseconds(0));
        for (;;) {
            if (start_next && runners.count() < functions.size()) {
                runners.start(functions[runners.count()]);
                next_start = delay ? detail::deadline_after(*delay) : next_start;
            }
            const bool by_delay = delay && runners.count() < functions.size();
            const auto running = runners.running();
            if (running.empty()) {
                break;
            }
            std::optional<Delay> left;
            if (by_delay) {
                left = next_start - detail::deadline_after(std::chrono::nanoseconds(0));
            }
            const auto waited = weft::wait(running, left, ReturnWhen::FirstCompleted);
            start_next = waited.done.empty();
            if (runners.look(race, start_next)) {
                break;
            }
        }
    } catch (...) {
        runners.cancel();
        throw;
    }
    runners.cancel();
    bool ignored = false;
    static_cast<void>(runners.look(race, ignored));
    return race;
}

}  // namespace weft
