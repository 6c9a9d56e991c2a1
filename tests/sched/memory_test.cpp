#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <thread>
#include <vector>
#include <weft/future.hpp>
#include <weft/loop.hpp>
#include <weft/run.hpp>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "fiber/sanitizer.hpp"
#include "fiber/stack_pool.hpp"
#include "support/runtime_fixture.hpp"

// Goal: the stacks of a spike cost no memory when it is over, and stacks in use keep theirs.

namespace weft::test {
namespace {

#if !WEFT_ASAN && !WEFT_TSAN  // their own memory is most of it

using Clock = std::chrono::steady_clock;

/// Has `count` tasks at once go 32 KiB deep and wait there, and then end.
void park_deep(int count) {
    const Future<void> end;
    std::atomic<int> parked = 0;
    std::vector<Task<void>> tasks;
    for (int i = 0; i < count; ++i) {
        tasks.push_back(spawn([&end, &parked] {
            char frame[32 * 1024];
            asm volatile("" : : "r"(frame) : "memory");
            for (std::size_t at = 0; at < sizeof(frame); at += 1024) {
                static_cast<volatile char*>(frame)[at] = 1;
            }
            ++parked;
            end.wait();
        }));
    }
    while (parked < count) {
        yield();
    }
    end.set_result();
    for (const Task<void>& task : tasks) {
        task.wait();
    }
}

constexpr std::size_t kMebibyte = std::size_t{1024} * 1024;

std::size_t resident() {
    std::ifstream status{"/proc/self/status"};
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:")) {
            return std::stoul(line.substr(sizeof("VmRSS:"))) * 1024;
        }
    }
    return 0;
}

long page_faults() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

class Memory : public OnEveryRuntime {};
INSTANTIATE_TEST_SUITE_P(
    Each,
    Memory,
    ::testing::Values(Shape{1, false}, Shape{2, false}),
    [](const auto& each) { return name_of(each.param); }
);

// Goal: after a spike an idle process is as small as before it, but for what is kept.
TEST_P(Memory, FallsAfterASpike) {
    static constexpr int kStacks = 3'000;  // 100 MiB
    run([] {
        park_deep(10);
        const std::size_t before = resident();
        park_deep(kStacks);
        EXPECT_GT(resident(), before + 60 * kMebibyte);
        const auto deadline = Clock::now() + std::chrono::seconds(60);
        while (resident() > before + 20 * kMebibyte && Clock::now() < deadline) {
            sleep(std::chrono::milliseconds(100));
        }
        EXPECT_LE(resident(), before + 20 * kMebibyte);
    });
}

// Goal: what a steady load uses is not given back and faulted in again, though its loops sleep now and then.
TEST_P(Memory, OfASteadyLoadStaysWhereItIs) {
    static constexpr int kStacks = 400;  // more than the caches of the loops have
    run([] {
        const auto load = [](std::chrono::milliseconds time) {
            const auto end = Clock::now() + time;
            int rounds = 0;
            while (Clock::now() < end) {
                park_deep(kStacks);
                sleep(std::chrono::milliseconds(1));
                ++rounds;
            }
            return rounds;
        };
        load(std::chrono::milliseconds(2'500));  // what others have left is trimmed
        // Where the machine stops the process for a second the stacks have not been in use: then once more.
        bool stayed = false;
        for (int attempt = 0; attempt < 5 && !stayed; ++attempt) {
            const std::size_t trimmed = rt::process_stack_pool().stats().trimmed;
            const long faults = page_faults();
            EXPECT_GT(load(std::chrono::milliseconds(2'500)), 5);
            // Were it trimmed: each stack twice, with 8 faults.
            stayed = rt::process_stack_pool().stats().trimmed - trimmed < kStacks / 4 &&
                     page_faults() - faults < 4 * kStacks;
        }
        EXPECT_TRUE(stayed);
    });
}

/// Until all that tasks have left is given back.
void wait_until_tidy() {
    while (rt::process_stack_pool().trim_at() != rt::kNever) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

// Goal: a worker that is woken for nothing again and again sleeps for a while each time, also while there is memory
// to be given back; and gives it back when that is over.
TEST(MemoryOfOthers, LetsAWorkerNap) {
    const WithoutHops without_hops;
    RuntimeOptions options;
    options.workers = 2;
    Runtime runtime(options);
    constexpr auto kTime =
        std::chrono::milliseconds(2'500);  // what is unused becomes due meanwhile
    const std::uint64_t parks = runtime.run([&] {
        park_deep(600);
        EXPECT_NE(rt::process_stack_pool().trim_at(), rt::kNever) << "nothing to give back";
        return await(spawn([&] {
            const std::uint64_t before = runtime.metrics().total().parks;
            for (const auto end = Clock::now() + kTime; Clock::now() < end;) {
                await(spawn([] {}));  // over before anybody comes for it
            }
            const std::uint64_t parked = runtime.metrics().total().parks - before;
            wait_until_tidy();  // by the other worker: this one is busy
            return parked;
        }));
    });
    EXPECT_LT(parks, 4 * static_cast<std::uint64_t>(kTime.count()));  // a nap is of 50 us to 2 ms
}

// Goal: so does one that plain threads have woken for what was done before it came.
TEST(MemoryOfOthers, IsGivenBackAfterAWakeForNothing) {
    RuntimeOptions options;
    options.workers = 1;
    Runtime runtime(options);
    runtime.run([] { park_deep(600); });
    runtime.start();
    wait_until_tidy();
    runtime.spawn([] { park_deep(600); }).wait();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&runtime] {
            for (int round = 0; round < 5'000; ++round) {
                runtime.spawn([] {}).wait();
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    wait_until_tidy();
    const std::uint64_t before = runtime.metrics().total().parks;
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_LT(runtime.metrics().total().parks - before, 100U) << "it does not sleep";
}

#endif

}  // namespace
}  // namespace weft::test
