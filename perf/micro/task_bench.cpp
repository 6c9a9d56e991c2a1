#include <benchmark/benchmark.h>

#include <vector>
#include <weft/weft.hpp>

#include "support/batches.hpp"

// What a task costs: a yield, a spawn, a suspension. Each runs inside a runtime of `workers` loops;
// the figures are per operation (items_per_second, and its inverse as "ns").

namespace {

using weft::perf::Caller;
using weft::perf::run_batches;

template <class Make>
void yield_tasks(benchmark::State& state, Make make) {
    const auto tasks = static_cast<int>(state.range(0));
    constexpr int kYields = 100'000;
    const int rounds = kYields / tasks;
    const auto workers = static_cast<int>(state.range(1));
    run_batches(state, Caller::Pinned, workers, std::int64_t{tasks} * rounds, [&] {
        std::vector<weft::Task<void>> all;
        all.reserve(static_cast<std::size_t>(tasks));
        for (int i = 0; i < tasks; ++i) {
            all.push_back(make([rounds] {
                for (int round = 0; round < rounds; ++round) {
                    weft::yield();
                }
            }));
        }
        for (auto& task : all) {
            weft::await(task);
        }
    });
}

void yield_pinned(benchmark::State& state) {
    yield_tasks(state, [](auto body) { return weft::create_task(std::move(body)); });
}
BENCHMARK(yield_pinned)
    ->UseRealTime()
    ->ArgNames({"tasks", "workers"})
    ->Args({2, 1})
    ->Args({1000, 1});

void yield_stealable(benchmark::State& state) {
    yield_tasks(state, [](auto body) { return weft::spawn(std::move(body)); });
}
BENCHMARK(yield_stealable)
    ->UseRealTime()
    ->ArgNames({"tasks", "workers"})
    ->Args({2, 1})
    ->Args({1000, 1})
    ->Args({1000, 2});

// One by one: the caller waits for each task before it makes the next.

template <class Make>
void one_by_one(benchmark::State& state, Caller caller, Make make) {
    constexpr int kTasks = 1000;
    run_batches(state, caller, static_cast<int>(state.range(0)), kTasks, [&] {
        for (int i = 0; i < kTasks; ++i) {
            benchmark::DoNotOptimize(weft::await(make(i)));
        }
    });
}

void spawn_await(benchmark::State& state) {
    one_by_one(state, Caller::Stealable, [](int i) { return weft::spawn([i] { return i; }); });
}
BENCHMARK(spawn_await)->UseRealTime()->ArgName("workers")->Arg(1)->Arg(2);

void spawn_await_from_pinned(benchmark::State& state) {
    one_by_one(state, Caller::Pinned, [](int i) { return weft::spawn([i] { return i; }); });
}
BENCHMARK(spawn_await_from_pinned)->UseRealTime()->ArgName("workers")->Arg(1)->Arg(2);

void create_await(benchmark::State& state) {
    one_by_one(state, Caller::Pinned, [](int i) { return weft::create_task([i] { return i; }); });
}
BENCHMARK(create_await)->UseRealTime()->ArgName("workers")->Arg(1)->Arg(2);

int yield_once(int value) {
    weft::yield();
    return value;
}

void suspend_once(benchmark::State& state) {
    one_by_one(state, Caller::Stealable, [](int i) {
        return weft::spawn([i] { return yield_once(i); });
    });
}
BENCHMARK(suspend_once)->UseRealTime()->ArgName("workers")->Arg(1)->Arg(2);

void suspend_once_pinned(benchmark::State& state) {
    one_by_one(state, Caller::Pinned, [](int i) {
        return weft::create_task([i] { return yield_once(i); });
    });
}
BENCHMARK(suspend_once_pinned)->UseRealTime()->ArgName("workers")->Arg(1);

// All at once: `tasks` are made, then awaited from the oldest on.

template <class Make>
void all_at_once(benchmark::State& state, Caller caller, Make make) {
    const auto tasks = static_cast<int>(state.range(0));
    run_batches(state, caller, static_cast<int>(state.range(1)), tasks, [&] {
        std::vector<weft::Task<int>> all;
        all.reserve(static_cast<std::size_t>(tasks));
        for (int i = 0; i < tasks; ++i) {
            all.push_back(make(i));
        }
        for (auto& task : all) {
            benchmark::DoNotOptimize(weft::await(task));
        }
    });
}

void spawn_all(benchmark::State& state) {
    all_at_once(state, Caller::Pinned, [](int i) { return weft::spawn([i] { return i; }); });
}
BENCHMARK(spawn_all)
    ->UseRealTime()
    ->ArgNames({"tasks", "workers"})
    ->Args({64, 1})
    ->Args({1000, 1})
    ->Args({1000, 2});

void suspend_once_all(benchmark::State& state) {
    all_at_once(state, Caller::Pinned, [](int i) {
        return weft::spawn([i] { return yield_once(i); });
    });
}
BENCHMARK(suspend_once_all)
    ->UseRealTime()
    ->ArgNames({"tasks", "workers"})
    ->Args({16, 1})
    ->Args({64, 1})
    ->Args({1000, 1})
    ->Args({1000, 2});

}  // namespace

BENCHMARK_MAIN();
