#include "simulate_workloads.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <weft/testing/machine.hpp>
#include <weft/weft.hpp>

#include "support/fork_join.hpp"

namespace weft::tool {
namespace {

using std::chrono::nanoseconds;
using testing::machine_work;

void work(nanoseconds length) {
    if (length.count() > 0) {
        machine_work(length);
    }
}

// ---- trees

std::int64_t fib(std::int64_t n, nanoseconds grain) {
    if (n < 2) {
        work(grain);
        return n;
    }
    const auto larger = spawn([n, grain] { return fib(n - 1, grain); });
    const std::int64_t smaller = fib(n - 2, grain);
    return await(larger) + smaller;
}

void run_fib(std::int64_t size, nanoseconds grain) {
    perf::expect_equal(fib(size, grain), perf::in_row(size, 0, 1, 0), "fib");
}

std::int64_t skynet(std::int64_t first, std::int64_t leaves, nanoseconds grain) {
    if (leaves <= 1) {
        work(grain);
        return leaves == 1 ? first : 0;
    }
    constexpr auto kChildren = static_cast<std::int64_t>(perf::kChildren);
    std::array<std::optional<Task<std::int64_t>>, perf::kChildren> children;
    std::int64_t rest = leaves;
    for (std::size_t i = 0; i < children.size() && rest > 0; ++i) {
        const std::int64_t each = std::min((leaves + kChildren - 1) / kChildren, rest);
        children[i] = spawn([first, each, grain] { return skynet(first, each, grain); });
        first += each;
        rest -= each;
    }
    std::int64_t total = 0;
    for (const auto& child : children) {
        total += child ? await(*child) : 0;
    }
    return total;
}

void run_skynet(std::int64_t size, nanoseconds grain) {
    perf::expect_equal(skynet(0, size, grain), size * (size - 1) / 2, "the sum");
}

std::int64_t count_ways(std::size_t rows, std::size_t row, perf::Board board, nanoseconds grain) {
    work(grain);
    if (row == rows) {
        return 1;
    }
    std::array<std::optional<Task<std::int64_t>>, perf::kMostRows> placed;
    std::size_t count = 0;
    for (std::size_t column = 0; column < rows; ++column) {
        if (perf::is_safe(board, row, column)) {
            board[row] = static_cast<std::int8_t>(column);
            placed[count++] = spawn([rows, row, board, grain] {
                return count_ways(rows, row + 1, board, grain);
            });
        }
    }
    std::int64_t ways = 0;
    for (std::size_t i = 0; i < count; ++i) {
        ways += await(*placed[i]);
    }
    return ways;
}

constexpr std::array<std::int64_t, 13> kWays{1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2'680, 14'200};

void run_nqueens(std::int64_t size, nanoseconds grain) {
    const auto rows = static_cast<std::size_t>(size);
    perf::expect_equal(
        count_ways(rows, 0, perf::Board{}, grain), kWays.at(rows), "the number of ways"
    );
}

// ---- many that are alike, and many that are not

void run_each(std::int64_t size, const std::function<nanoseconds(std::int64_t)>& length_of) {
    std::vector<Task<std::int64_t>> all;
    all.reserve(static_cast<std::size_t>(size));
    for (std::int64_t i = 0; i < size; ++i) {
        all.push_back(spawn([i, length = length_of(i)] {
            work(length);
            return i;
        }));
    }
    std::int64_t sum = 0;
    for (const Task<std::int64_t>& task : all) {
        sum += await(task);
    }
    perf::expect_equal(sum, size * (size - 1) / 2, "the sum");
}

void run_spawn_batch(std::int64_t size, nanoseconds grain) {
    run_each(size, [grain](std::int64_t) { return grain; });
}

/// Half of them take a grain, a quarter two, and so on up to 4,096.
nanoseconds skewed(std::int64_t i, nanoseconds grain) {
    constexpr int kMostDoublings = 12;
    auto mixed = static_cast<std::uint64_t>(i + 1) * 0x9E3779B97F4A7C15ULL;
    mixed ^= mixed >> 29;
    mixed *= 0xBF58476D1CE4E5B9ULL;
    mixed ^= mixed >> 32;
    return grain * (1 << std::min(std::countr_zero(mixed), kMostDoublings));
}

void run_mixed(std::int64_t size, nanoseconds grain) {
    run_each(size, [grain](std::int64_t i) { return skewed(i, grain); });
}

// ---- tasks that wait for each other

void run_ping_pong(std::int64_t size, nanoseconds grain) {
    constexpr int kPairs = 64;
    struct Pair {
        Semaphore ping{0};
        Semaphore pong{0};
    };
    std::vector<std::unique_ptr<Pair>> pairs;
    std::vector<Task<void>> all;
    for (int i = 0; i < kPairs; ++i) {
        pairs.push_back(std::make_unique<Pair>());
        Pair& pair = *pairs.back();
        all.push_back(spawn([&pair, size, grain] {
            for (std::int64_t ball = 0; ball < size; ++ball) {
                work(grain);
                pair.ping.release();
                pair.pong.acquire();
            }
        }));
        all.push_back(spawn([&pair, size, grain] {
            for (std::int64_t ball = 0; ball < size; ++ball) {
                pair.ping.acquire();
                work(grain);
                pair.pong.release();
            }
        }));
    }
    for (const Task<void>& task : all) {
        await(task);
    }
}

void run_server(std::int64_t size, nanoseconds grain) {
    constexpr int kParts = 8;
    const auto answer = [grain] {
        std::array<std::optional<Task<void>>, kParts> parts;
        for (auto& part : parts) {
            part = spawn([grain] { work(grain); });
        }
        for (const auto& part : parts) {
            await(*part);
        }
    };
    // They come where the socket is: to one loop.
    const auto accept = create_task([size, grain, answer] {
        std::vector<Task<void>> requests;
        requests.reserve(static_cast<std::size_t>(size));
        const Loop& loop = get_running_loop();
        auto next = loop.time();
        for (std::int64_t i = 0; i < size; ++i, next += grain) {
            if (const auto now = loop.time(); now < next) {
                sleep(next - now);
            }
            requests.push_back(spawn(answer));
        }
        for (const Task<void>& request : requests) {
            await(request);
        }
    });
    await(accept);
}

}  // namespace

const std::vector<SimulatedWorkload>& simulated_workloads() {
    using std::chrono::microseconds;
    static const std::vector<SimulatedWorkload> workloads{
        {"fib",
         "a task for one of two calls, and so on below; a grain is the work of a leaf",
         "n",
         24,
         30,
         nanoseconds(0),
         &run_fib},
        {"skynet",
         "a tree of tasks, ten below each; a grain is the work of a leaf",
         "leaves",
         100'000,
         2'000'000,
         nanoseconds(0),
         &run_skynet},
        {"nqueens",
         "a task for each queen that is placed; a grain is the work for each",
         "rows",
         9,
         12,
         microseconds(1),
         &run_nqueens},
        {"spawn_batch",
         "tasks are all spawned, then all awaited; a grain is the work of each",
         "tasks",
         100'000,
         2'000'000,
         microseconds(1),
         &run_spawn_batch},
        {"mixed",
         "the same, where half of them have a grain to do, a quarter two, an eighth four, up to "
         "4,096",
         "tasks",
         50'000,
         2'000'000,
         microseconds(1),
         &run_mixed},
        {"ping_pong",
         "64 pairs of tasks that wake each other; a grain is the work for each time",
         "times",
         500,
         100'000,
         microseconds(1),
         &run_ping_pong},
        {"server",
         "a request comes to one loop in each grain, and has eight parts of a grain each: eight "
         "cores' worth",
         "requests",
         2'000,
         200'000,
         microseconds(20),
         &run_server},
    };
    return workloads;
}

const SimulatedWorkload* find_simulated_workload(const std::string& name) {
    const auto& all = simulated_workloads();
    const auto found = std::ranges::find_if(all, [&](const SimulatedWorkload& workload) {
        return workload.name == name;
    });
    return found == all.end() ? nullptr : &*found;
}

}  // namespace weft::tool
