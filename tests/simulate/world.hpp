#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>
#include <weft/weft.hpp>

namespace weft::simulate {

/// A promise of weft was not kept.
class Broken : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// What a scenario draws its choices from, and what it has found broken. Its tasks share it: only one of
/// them runs at a time, and none is interrupted between two atomic operations.
class World {
public:
    explicit World(std::uint64_t seed) : engine_(seed) {}

    [[nodiscard]] int below(int bound) {
        return static_cast<int>(engine_() % static_cast<std::uint64_t>(bound));
    }
    [[nodiscard]] int between(int least, int most) { return least + below(most - least + 1); }
    [[nodiscard]] bool one_in(int count) { return below(count) == 0; }

    /// Now and then does something that lets others run.
    void dawdle() {
        switch (below(6)) {
            case 0:
                yield();
                break;
            case 1:
                sleep(std::chrono::nanoseconds(below(20'000)));
                break;
            default:
                break;
        }
    }

    /// The same, and a cancellation that comes meanwhile is taken back.
    void dawdle_uncancelled() {
        try {
            dawdle();
        } catch (const CancelledError&) {
            current_task().uncancel();
        }
    }

    /// A task, stealable or of whatever loop.
    template <class F>
    auto start(F&& function) -> Task<std::invoke_result_t<std::decay_t<F>&>> {
        if (one_in(2)) {
            return spawn(std::forward<F>(function));
        }
        Runtime& runtime = get_running_loop().runtime();
        return runtime.loop(below(runtime.workers())).create_task(std::forward<F>(function));
    }

    /// The same; begun() counts it. Who is cancelled before it has begun never begins.
    template <class F>
    Task<void> start_counted(F&& function) {
        return start([this, body = std::forward<F>(function)]() mutable {
            ++begun_;
            body();
        });
    }
    [[nodiscard]] std::size_t begun() const noexcept { return begun_; }

    /// Notes the first promise that was not kept: a task's error may be lost with the task.
    void expect(bool kept, const std::string& what) {
        if (!kept && broken_.empty()) {
            broken_ = what;
        }
    }
    template <class A, class B>
    void expect_equal(const A& found, const B& expected, const std::string& what) {
        expect(
            found == expected,
            what + ": " + std::to_string(found) + ", expected " + std::to_string(expected)
        );
    }
    /// Throws Broken if there was one.
    void judge() const {
        if (!broken_.empty()) {
            throw Broken(broken_);
        }
    }

private:
    std::mt19937_64 engine_;
    std::string broken_;
    std::size_t begun_ = 0;
};

inline void await_all(std::vector<Task<void>>& tasks) {
    for (Task<void>& task : tasks) {
        await(task);
    }
}

/// A program of tasks, or one that makes its runtimes itself.
struct Scenario {
    const char* name;
    void (*in_task)(World& world);  ///< the main task; or null
    void (*outside)(World& world);  ///< on a thread that runs no loop
    bool is_planted = false;        ///< it breaks a promise: it must be found out
};

[[nodiscard]] const std::vector<Scenario>& scenarios();

}  // namespace weft::simulate
