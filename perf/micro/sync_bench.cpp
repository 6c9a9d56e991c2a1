#include <benchmark/benchmark.h>

#include <array>
#include <weft/weft.hpp>

#include "support/batches.hpp"

// What the primitives cost: free, and handed from task to task. Figures as in task_bench.

namespace {

using weft::perf::Caller;
using weft::perf::run_batches;

constexpr int kOperations = 10'000;

void lock_free(benchmark::State& state) {
    weft::Lock lock;
    run_batches(state, Caller::Pinned, 1, kOperations, [&] {
        for (int i = 0; i < kOperations; ++i) {
            lock.acquire();
            lock.release();
        }
    });
}
BENCHMARK(lock_free)->UseRealTime();

void semaphore_free(benchmark::State& state) {
    weft::Semaphore semaphore(2);
    run_batches(state, Caller::Pinned, 1, kOperations, [&] {
        for (int i = 0; i < kOperations; ++i) {
            semaphore.acquire();
            semaphore.release();
        }
    });
}
BENCHMARK(semaphore_free)->UseRealTime();

/// Two tasks, each of which waits until the other lets it go on.
template <class Step>
void two_tasks(benchmark::State& state, Step step) {
    const auto workers = static_cast<int>(state.range(0));
    run_batches(state, Caller::Pinned, workers, kOperations, [&] {
        auto first = weft::spawn([&] { step(0); });
        auto second = weft::spawn([&] { step(1); });
        weft::await(first);
        weft::await(second);
    });
}

/// Each operation: one task lets the other go on, and waits.
void semaphore_hand_over(benchmark::State& state) {
    weft::Semaphore first(1);
    weft::Semaphore second(0);
    const std::array turns{&first, &second};
    two_tasks(state, [&](int me) {
        for (int i = 0; i < kOperations / 2; ++i) {
            turns.at(static_cast<std::size_t>(me))->acquire();
            turns.at(static_cast<std::size_t>(1 - me))->release();
        }
    });
}
BENCHMARK(semaphore_hand_over)->UseRealTime()->ArgName("workers")->Arg(1)->Arg(2);

/// Each operation: a task that holds the lock gives it to one that waits, and waits itself.
void lock_hand_over(benchmark::State& state) {
    weft::Lock lock;
    two_tasks(state, [&](int) {
        for (int i = 0; i < kOperations / 2; ++i) {
            lock.acquire();
            weft::yield();  // the other one comes, and waits
            lock.release();
        }
    });
}
BENCHMARK(lock_hand_over)->UseRealTime()->ArgName("workers")->Arg(1)->Arg(2);

/// Each operation: a put by one task and a get by another, through a queue of `maxsize`.
void queue_put_get(benchmark::State& state) {
    weft::Queue<int> queue(state.range(1));
    two_tasks(state, [&](int me) {
        for (int i = 0; i < kOperations; ++i) {
            if (me == 0) {
                queue.put(i);
            } else {
                benchmark::DoNotOptimize(queue.get());
            }
        }
    });
}
BENCHMARK(queue_put_get)
    ->UseRealTime()
    ->ArgNames({"workers", "maxsize"})
    ->Args({1, 1})
    ->Args({1, 1024})
    ->Args({2, 1})
    ->Args({2, 1024});

}  // namespace

BENCHMARK_MAIN();
