// How late a sleeping task is woken: idle, and on loops that others keep busy by yielding on and on.
//
//     timers_timers [LOOPS] [SECONDS] [check]
//
// On each of LOOPS (as many as cores) loops a pinned and a stealable task sleep for 1 to 10 ms, again and again, for
// SECONDS (5) on idle loops and again beside two pinned and two stealable yielders a loop. Prints the
// percentiles of their lateness, and beside them those of a plain thread in clock_nanosleep at the same
// time: the machine's own. To reach: p99 0.3 ms idle and 2 ms saturated, at most 20 ms ever; `check` ends with 1 where
// one is missed by more than the machine's own lateness.

#include <time.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <vector>
#include <weft/loop.hpp>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "support/lateness.hpp"

namespace {

using weft::perf::Lateness;
using weft::perf::Millis;
using Clock = std::chrono::steady_clock;

/// Sleeps by `rest` until `end` and notes how late each sleep was.
template <class Rest>
void sleep_again_and_again(Clock::time_point end, unsigned seed, Lateness& lateness, Rest rest) {
    std::minstd_rand random(seed);
    std::uniform_int_distribution<int> length(1'000, 10'000);
    std::vector<double> times;
    while (Clock::now() < end) {
        const std::chrono::microseconds wanted(length(random));
        const auto due = Clock::now() + wanted;
        rest(wanted);
        times.push_back(Millis(Clock::now() - due).count());
    }
    lateness.add(times);
}

void sleep_thread(std::chrono::microseconds wanted) {
    const timespec length{0, std::chrono::nanoseconds(wanted).count()};
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &length, nullptr);
}

struct Result {
    Lateness weft;
    Lateness thread;
};

void measure(int loops, double seconds, bool saturated, Result& result) {
    weft::RuntimeOptions options;
    options.workers = loops;
    weft::Runtime runtime(options);
    runtime.start();
    const auto end =
        Clock::now() +
        std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    std::atomic<bool> stop{false};
    std::vector<weft::Task<void>> tasks;
    for (int i = 0; i < runtime.workers(); ++i) {
        const auto seed = static_cast<unsigned>(2 * i + 1);
        const auto sleeper = [&result, end](unsigned own) {
            sleep_again_and_again(end, own, result.weft, [](auto wanted) { weft::sleep(wanted); });
        };
        tasks.push_back(runtime.loop(i).create_task([=] { sleeper(seed); }));
        tasks.push_back(runtime.spawn([=] { sleeper(seed + 1); }));
        for (int yielder = 0; saturated && yielder < 2; ++yielder) {
            const auto yield_on = [&stop] {
                while (!stop) {
                    weft::yield();
                }
            };
            tasks.push_back(runtime.loop(i).create_task(yield_on));
            tasks.push_back(runtime.spawn(yield_on));
        }
    }
    sleep_again_and_again(end, 0x77, result.thread, sleep_thread);
    stop = true;
    for (auto& task : tasks) {
        task.get();
    }
}

/// Whether weft was no later than `most`, or than the machine makes it.
bool keeps(const char* what, double late, double machine, double most) {
    if (late <= most) {
        return true;
    }
    std::printf(
        "%s: %.3f ms, to reach %.1f; the machine's own is %.3f\n", what, late, most, machine
    );
    return late <= most + machine;
}

}  // namespace

int main(int argc, char** argv) {
    const int loops = argc > 1 ? std::atoi(argv[1]) : 0;
    const double seconds = argc > 2 ? std::atof(argv[2]) : 5.0;
    const bool check = argc > 3 && std::strcmp(argv[3], "check") == 0;
    constexpr double kP99 = 0.99;
    constexpr double kMost = 20;
    bool kept = true;
    for (const bool saturated : {false, true}) {
        Result result;
        measure(loops, seconds, saturated, result);
        result.weft.print(saturated ? "saturated, weft" : "idle, weft", "sleeps");
        result.thread.print(
            saturated ? "saturated, a plain thread" : "idle, a plain thread", "sleeps"
        );
        kept &= keeps("p99", result.weft.at(kP99), result.thread.at(kP99), saturated ? 2 : 0.3);
        kept &= keeps("max", result.weft.at(1), result.thread.at(1), kMost);
    }
    return check && !kept ? EXIT_FAILURE : EXIT_SUCCESS;
}
