#include <benchmark/benchmark.h>

#include <vector>
#include <weft/weft.hpp>

// What a task costs: a yield, a spawn, a suspension. Each runs inside a runtime of `workers` loops;
// the figures are per operation (items_per_second, and its inverse as "ns").

namespace {

using benchmark::Counter;

/// Runs `batch(count)` inside a runtime until the benchmark has enough; each call is `per_batch`
/// operations.
template <class Batch>
void run_batches(benchmark::State& state, int workers, std::int64_t per_batch, Batch batch) {
    weft::RuntimeOptions options;
    options.workers = workers;
    weft::Runtime runtime(options);
    runtime.run([&] {
        batch();  // warm: stacks, records, caches
        for (auto _ : state) {
            batch();
        }
    });
    const auto operations = static_cast<double>(state.iterations() * per_batch);
    state.SetItemsProcessed(state.iterations() * per_batch);
    state.counters["ns"] = Counter(operations * 1e-9, Counter::kIsRate | Counter::kInvert);
}

template <class Make>
void yield_tasks(benchmark::State& state, Make make) {
    const auto tasks = static_cast<int>(state.range(0));
    constexpr int kYields = 100'000;
    const int rounds = kYields / tasks;
    run_batches(state, static_cast<int>(state.range(1)), std::int64_t{tasks} * rounds, [&] {
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
BENCHMARK(yield_pinned)->ArgNames({"tasks", "workers"})->Args({2, 1})->Args({1000, 1});

void yield_stealable(benchmark::State& state) {
    yield_tasks(state, [](auto body) { return weft::spawn(std::move(body)); });
}
BENCHMARK(yield_stealable)
    ->ArgNames({"tasks", "workers"})
    ->Args({2, 1})
    ->Args({1000, 1})
    ->Args({1000, 2});

void spawn_await(benchmark::State& state) {
    constexpr int kTasks = 1000;
    run_batches(state, static_cast<int>(state.range(0)), kTasks, [] {
        for (int i = 0; i < kTasks; ++i) {
            benchmark::DoNotOptimize(weft::await(weft::spawn([i] { return i; })));
        }
    });
}
BENCHMARK(spawn_await)->ArgName("workers")->Arg(1)->Arg(2);

void create_await(benchmark::State& state) {
    constexpr int kTasks = 1000;
    run_batches(state, static_cast<int>(state.range(0)), kTasks, [] {
        for (int i = 0; i < kTasks; ++i) {
            benchmark::DoNotOptimize(weft::await(weft::create_task([i] { return i; })));
        }
    });
}
BENCHMARK(create_await)->ArgName("workers")->Arg(1)->Arg(2);

template <class Make>
void suspend_once_tasks(benchmark::State& state, Make make) {
    constexpr int kTasks = 1000;
    run_batches(state, static_cast<int>(state.range(0)), kTasks, [&] {
        std::vector<weft::Task<int>> all;
        all.reserve(kTasks);
        for (int i = 0; i < kTasks; ++i) {
            all.push_back(make([i] {
                weft::yield();
                return i;
            }));
        }
        for (auto& task : all) {
            benchmark::DoNotOptimize(weft::await(task));
        }
    });
}

void suspend_once(benchmark::State& state) {
    suspend_once_tasks(state, [](auto body) { return weft::spawn(std::move(body)); });
}
BENCHMARK(suspend_once)->ArgName("workers")->Arg(1)->Arg(2);

void suspend_once_pinned(benchmark::State& state) {
    suspend_once_tasks(state, [](auto body) { return weft::create_task(std::move(body)); });
}
BENCHMARK(suspend_once_pinned)->ArgName("workers")->Arg(1)->Arg(2);

void spawn_batch(benchmark::State& state) {
    constexpr int kTasks = 1000;
    run_batches(state, static_cast<int>(state.range(0)), kTasks, [] {
        std::vector<weft::Task<int>> all;
        all.reserve(kTasks);
        for (int i = 0; i < kTasks; ++i) {
            all.push_back(weft::spawn([i] { return i; }));
        }
        for (auto& task : all) {
            benchmark::DoNotOptimize(weft::await(task));
        }
    });
}
BENCHMARK(spawn_batch)->ArgName("workers")->Arg(1)->Arg(2);

}  // namespace

BENCHMARK_MAIN();
