#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <weft/runtime.hpp>
#include <weft/task.hpp>

namespace weft::perf {

/// Who calls the batches: the main task of loop 0, or a task that may move.
enum class Caller { Pinned, Stealable };

/// Runs `batch()` inside a runtime of `workers` loops until the benchmark has enough; each call is
/// `per_batch` operations, and the counter "ns" is what one takes. For use with UseRealTime().
template <class Batch>
void run_batches(
    benchmark::State& state, Caller caller, int workers, std::int64_t per_batch, Batch batch
) {
    RuntimeOptions options;
    options.workers = workers;
    Runtime runtime(options);
    const auto body = [&] {
        batch();  // warm: stacks, records, caches
        for (auto _ : state) {
            batch();
        }
    };
    runtime.run([&] { caller == Caller::Pinned ? body() : await(spawn(body)); });
    const std::int64_t operations = state.iterations() * per_batch;
    constexpr double kNano = 1e-9;
    state.SetItemsProcessed(operations);
    state.counters["ns"] = benchmark::Counter(
        static_cast<double>(operations) * kNano,
        benchmark::Counter::kIsRate | benchmark::Counter::kInvert
    );
}

}  // namespace weft::perf
