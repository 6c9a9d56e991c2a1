#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <vector>
#include <weft/barrier.hpp>
#include <weft/lock.hpp>
#include <weft/runtime.hpp>
#include <weft/task_group.hpp>

// Tasks that wait for one another, and what is said of them.

namespace weft::test {

/// Longer than it takes a runtime to be sure.
inline constexpr std::chrono::milliseconds kLongEnough{800};

[[nodiscard]] RuntimeOptions options_of(int workers, OnDeadlock on_deadlock);

/// Runs `main`, which does not end by itself, and cancels it when it has been said that it will not.
/// Returns what was said.
[[nodiscard]] std::string report_of(
    const std::function<void()>& main, const RuntimeOptions& options
);

/// `patterns`: regular expressions, each of which is in there.
void expect_said(const std::string& report, const std::vector<std::string>& patterns);

/// Two tasks that take two locks in opposite orders, once both have their first.
template <class Start>
void take_crosswise(Start start) {
    Lock one;
    Lock other;
    Barrier both(2);
    task_group([&](TaskGroup& group) {
        start(group, "left", [&] {
            const std::scoped_lock outer(one);
            both.wait();
            const std::scoped_lock inner(other);
        });
        start(group, "right", [&] {
            const std::scoped_lock outer(other);
            both.wait();
            const std::scoped_lock inner(one);
        });
    });
}

}  // namespace weft::test
