#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>
#include <weft/errors.hpp>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "support/random.hpp"

namespace weft::test {

/// What a storm did.
struct StormCount {
    std::uint64_t done = 0;       ///< operations that returned
    std::uint64_t cancelled = 0;  ///< operations that threw CancelledError
};

/// Has pinned tasks of every loop, stealable tasks and two plain threads call `operation(who,
/// engine)` again and again, `rounds` times in all, while the main task cancels tasks at random.
/// An operation is left by CancelledError or does its work; anything else fails the caller.
///
/// Call it in the main task of `runtime`.
template <class Operation>
StormCount storm(Runtime& runtime, int rounds, Operation operation) {
    constexpr int kTasks = 10;
    constexpr int kThreads = 2;
    const int each = rounds / (kTasks + kThreads) + 1;
    std::atomic<std::uint64_t> done{0};
    std::atomic<std::uint64_t> cancelled{0};
    const auto body = [&](int who) {
        std::mt19937_64 engine = random_engine(static_cast<std::uint64_t>(who) + 1);
        for (int i = 0; i < each; ++i) {
            try {
                operation(who, engine);
                done.fetch_add(1, std::memory_order_relaxed);
            } catch (const CancelledError&) {
                cancelled.fetch_add(1, std::memory_order_relaxed);
            }
        }
    };
    std::mt19937_64 engine = random_engine(0);
    std::vector<Task<void>> tasks;
    for (int who = 0; who < kTasks; ++who) {
        const auto one = [&body, who] { body(who); };
        tasks.push_back(
            who % 2 == 0 ? runtime.loop(who / 2 % runtime.workers()).create_task(one)
                         : runtime.spawn(one)
        );
    }
    std::atomic<int> threads_left{kThreads};
    std::vector<std::thread> threads;
    for (int who = kTasks; who < kTasks + kThreads; ++who) {
        threads.emplace_back([&, who] {
            body(who);
            threads_left.fetch_sub(1);
        });
    }
    for (bool any = true; any;) {
        any = threads_left.load() != 0;  // they may wait for what tasks do
        for (const Task<void>& task : tasks) {
            any = any || !task.done();
        }
        if (engine() % 8 == 0) {
            tasks[engine() % tasks.size()].cancel();
        }
        yield();
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    return {done.load(), cancelled.load()};
}

}  // namespace weft::test
