#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>
#include <weft/loop.hpp>
#include <weft/semaphore.hpp>
#include <weft/task.hpp>
#include <weft/testing/machine.hpp>

#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "reactor/reactor.hpp"
#include "sched/pinning.hpp"
#include "sched/topology.hpp"
#include "sched/victims.hpp"

// Least of many short rounds where the processor works, as other programs only add; medians where the system
// has its part.

namespace weft::testing {
namespace {

using rt::Nanos;

// How far cores are from each other, when nobody can measure it: as multiples of two that share a cache.
constexpr double kSiblingByL3 = 0.3;
constexpr double kNodeByL3 = 2;
constexpr double kRemoteByL3 = 3.5;

template <class F>
double time_of(F&& f) {
    const Nanos start = rt::monotonic_now();
    f();
    return static_cast<double>(rt::monotonic_now() - start);
}

template <class F>
double least_time(int rounds, F&& f) {
    double least = time_of(f);
    for (int i = 1; i < rounds; ++i) {
        least = std::min(least, time_of(f));
    }
    return least;
}

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

// ---- tasks

int fork(int n) {
    if (n < 2) {
        return n;
    }
    const auto larger = spawn([n] { return fork(n - 1); });
    const int smaller = fork(n - 2);
    return await(larger) + smaller;
}

struct TaskPrices {
    double spawn;
    double run;
    double change;
};

/// Within a stealable task, where nobody steals.
TaskPrices measure_tasks() {
    constexpr int kRounds = 60;
    constexpr int kFork = 16;
    constexpr double kForks = 1'596;
    const double whole = least_time(kRounds, [] { fork(kFork); }) / kForks;

    // Which part of it is to make it.
    constexpr int kBatch = 64;
    std::vector<Task<void>> tasks;
    tasks.reserve(kBatch);
    double making = rt::kVirtualStart;
    double all = rt::kVirtualStart;
    for (int round = 0; round < kRounds; ++round) {
        double made = 0;
        all = std::min(all, time_of([&] {
                           made = time_of([&] {
                               for (int i = 0; i < kBatch; ++i) {
                                   tasks.push_back(spawn([] {}));
                               }
                           });
                           for (const Task<void>& task : tasks) {
                               await(task);
                           }
                       }));
        making = std::min(making, made);
        tasks.clear();
    }
    const double part = std::clamp(making / all, 0.1, 0.9);

    constexpr int kTurns = 200;
    constexpr double kChanges = 2 * kTurns;
    const double changes = least_time(kRounds, [] {
        Semaphore one(0);
        Semaphore other(0);
        const auto partner = spawn([&] {
            for (int i = 0; i < kTurns; ++i) {
                one.acquire();
                other.release();
            }
        });
        for (int i = 0; i < kTurns; ++i) {
            one.release();
            other.acquire();
        }
        await(partner);
    });
    return {part * whole, (1 - part) * whole, changes / kChanges};
}

TaskPrices measure_tasks_of_one_loop() {
    RuntimeOptions options;
    options.workers = 1;
    return Runtime(options).run([] { return await(spawn(&measure_tasks)); });
}

/// What a thread may wait at. std::promise and std::latch would do, but for their thread-locals (R1, R2).
class Gate {
public:
    void open() {
        const std::lock_guard lock(mutex_);
        is_open_ = true;
        opened_.notify_all();
    }
    void wait() {
        std::unique_lock lock(mutex_);
        opened_.wait(lock, [this] { return is_open_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable opened_;
    bool is_open_ = false;
};

/// What is published for others, while the other one does not look.
TaskPrices measure_tasks_of_two_loops() {
    RuntimeOptions options;
    options.workers = 2;
    options.pin = Pin::None;
    Runtime runtime(options);
    return runtime.run([&] {
        Gate reached;
        Gate done;
        const auto keeper = runtime.loop(1).create_task([&] {
            reached.open();
            done.wait();
        });
        reached.wait();
        const TaskPrices prices = await(spawn(&measure_tasks));
        done.open();
        await(keeper);
        return prices;
    });
}

// ---- the machine

/// Half of what a line takes to go to another thread and to come back.
double measure_line(const std::array<int, 2>& cpus) {
    constexpr int kRounds = 100;
    constexpr int kTrips = 200;
    struct alignas(rt::kCacheLine) Line {
        std::atomic<int> turn{0};
    } line;
    std::thread other([&] {
        static_cast<void>(rt::bind_current_thread({{cpus[1]}}));
        for (int trip = 0; trip < kRounds * kTrips; ++trip) {
            while (line.turn.load(std::memory_order_acquire) != 2 * trip + 1) {
            }
            line.turn.store(2 * trip + 2, std::memory_order_release);
        }
    });
    double least = 0;
    std::thread one([&] {
        static_cast<void>(rt::bind_current_thread({{cpus[0]}}));
        int trip = 0;
        least = least_time(kRounds, [&] {
            for (int i = 0; i < kTrips; ++i, ++trip) {
                line.turn.store(2 * trip + 1, std::memory_order_release);
                while (line.turn.load(std::memory_order_acquire) != 2 * trip + 2) {
                }
            }
        });
    });
    one.join();
    other.join();
    return least / (2 * kTrips);
}

struct WakePrices {
    double waker;
    double latency;
};

WakePrices measure_wakes() {
    constexpr int kWakes = 400;
    constexpr Nanos kUntilItSleeps = 100'000;
    RuntimeOptions options;
    options.workers = 2;
    Runtime runtime(options);
    return runtime.run([&] {
        std::vector<double> wakers;
        std::vector<double> latencies;
        for (int i = 0; i < kWakes; ++i) {
            std::atomic<Nanos> reached{0};
            const Nanos start = rt::monotonic_now();
            runtime.loop(1).call_soon_threadsafe([&reached] {
                reached.store(rt::monotonic_now(), std::memory_order_release);
            });
            wakers.push_back(static_cast<double>(rt::monotonic_now() - start));
            while (reached.load(std::memory_order_acquire) == 0) {
            }
            latencies.push_back(static_cast<double>(reached.load() - start));
            const Nanos until = rt::monotonic_now() + kUntilItSleeps;
            while (rt::monotonic_now() < until) {
            }
        }
        return WakePrices{median(wakers), median(latencies)};
    });
}

double measure_poll() {
    std::unique_ptr<rt::Reactor> reactor;
    if (const std::error_code error = rt::make_epoll_reactor(reactor)) {
        throw std::system_error(error, "cannot make a reactor to measure");
    }
    constexpr int kRounds = 50;
    constexpr int kPolls = 100;
    return least_time(
               kRounds,
               [&] {
                   for (int i = 0; i < kPolls; ++i) {
                       static_cast<void>(reactor->wait(0));
                   }
               }
           ) /
           kPolls;
}

/// Two CPUs that are as near as two cores can be, if there are two.
struct Pair {
    std::array<int, 2> cpus;
    rt::VictimGroup::Level level;
};
std::optional<Pair> find_pair(const rt::Topology& topology) {
    if (topology.cpus.size() < 2) {
        return std::nullopt;
    }
    const rt::Cpu& one = topology.cpus.front();
    auto other = std::find_if(topology.cpus.begin(), topology.cpus.end(), [&](const rt::Cpu& cpu) {
        return cpu.core != one.core;
    });
    if (other == topology.cpus.end()) {
        other = topology.cpus.begin() + 1;
    }
    const auto order = rt::victim_order(topology, {{{one.os_index}}, {{other->os_index}}});
    return Pair{{one.os_index, other->os_index}, order.front().front().level};
}

void set_lines(MachinePrices& prices, rt::VictimGroup::Level level, double line) {
    constexpr std::array<double, 4> kByL3{kSiblingByL3, 1, kNodeByL3, kRemoteByL3};
    const double same_l3 = line / kByL3[static_cast<std::size_t>(level)];
    prices.line_sibling = same_l3 * kSiblingByL3;
    prices.line_l3 = same_l3;
    prices.line_node = same_l3 * kNodeByL3;
    prices.line_remote = same_l3 * kRemoteByL3;
}

constexpr std::array kLineNames{"line_sibling", "line_l3", "line_node", "line_remote"};
constexpr std::array kTopologies{
    "core:1 pu:2", "core:2 pu:1", "l3:2 core:1 pu:1", "pack:2 core:1 pu:1"};

}  // namespace

MeasuredPrices measure_prices() {
    MeasuredPrices result;
    MachinePrices& prices = result.prices;
    const TaskPrices alone = measure_tasks_of_one_loop();
    prices.spawn = alone.spawn;
    prices.run = alone.run;
    prices.change = alone.change;
    const TaskPrices shared = measure_tasks_of_two_loops();
    prices.spawn_shared = shared.spawn;
    prices.run_shared = shared.run;
    prices.change_shared = shared.change;
    prices.poll = measure_poll();
    result.measured = {
        "spawn", "spawn_shared", "run", "run_shared", "change", "change_shared", "poll"};
    result.topology = "core:1 pu:1";

    std::string lines = "as MachinePrices has it: one CPU has no other to measure";
    if (const auto pair = find_pair(rt::Topology::detect()); pair.has_value()) {
        const auto level = static_cast<std::size_t>(pair->level);
        set_lines(prices, pair->level, measure_line(pair->cpus));
        const WakePrices wakes = measure_wakes();
        prices.wake = wakes.waker;
        prices.wake_latency = wakes.latency;
        result.measured.insert(result.measured.end(), {kLineNames[level], "wake", "wake_latency"});
        result.topology = kTopologies[level];
        lines =
            std::string(kLineNames[level]) + " by 0.3 (sibling), 1 (l3), 2 (node), 3.5 (remote)";
    } else {
        result.assumed = {"wake: as MachinePrices has it", "wake_latency: as MachinePrices has it"};
    }
    for (const char* const name : kLineNames) {
        if (std::count(result.measured.begin(), result.measured.end(), name) == 0) {
            result.assumed.push_back(std::string(name) + ": " + lines);
        }
    }
    prices.mail = prices.line_l3 + prices.spawn_shared;
    result.assumed.insert(
        result.assumed.end(),
        {"mail: line_l3 + spawn_shared",
         "steal: as MachinePrices has it",
         "line_own: as MachinePrices has it"}
    );
    return result;
}

}  // namespace weft::testing
