#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <latch>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <weft/run.hpp>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>
#include <weft/timeout.hpp>

#include "io/raw_socket.hpp"
#include "io/stream_pair.hpp"
#include "sched/process_state.hpp"
#include "sched/worker.hpp"
#include "support/runtime_fixture.hpp"

// Goal (B4): a loop whose thread is kept by one task does not keep the others: what may run elsewhere is
// served there, soon, and what is pinned to the loop waits for it.

namespace weft::test {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

class SeveralLoops : public OnEveryRuntime {};
INSTANTIATE_TEST_SUITE_P(
    Each,
    SeveralLoops,
    ::testing::Values(Shape{2, false}, Shape{2, true}, Shape{4, false}, Shape{4, true}),
    [](const auto& each) { return name_of(each.param); }
);

RuntimeOptions two_loops() {
    RuntimeOptions options;
    options.workers = 2;
    options.pin = Pin::None;
    return options;
}

int index_of_loop() {
    return &get_running_loop() == &get_running_loop().runtime().loop(0) ? 0 : 1;
}

/// Things that are to be served while a loop is kept, and when and where they were.
class Served {
public:
    explicit Served(std::size_t expected) : expected_(expected) {}

    void add(const char* what) {
        const auto now = steady_clock::now();
        const std::lock_guard lock(mutex_);
        on_loop_0_ += index_of_loop() == 0 ? 1 : 0;
        ++count_;
        last_ = now;
        if (std::string(what) != "task") {
            std::printf("%s: %.1f ms\n", what, duration<double, std::milli>(now - since_).count());
        }
        changed_.notify_all();
    }
    /// Keeps the calling thread until all are. False when that takes too long.
    [[nodiscard]] bool wait_for_all() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, seconds(30), [this] { return count_ == expected_; });
    }
    void begin() {
        const std::lock_guard lock(mutex_);
        since_ = steady_clock::now();
    }
    [[nodiscard]] steady_clock::duration all_after() const { return last_ - since_; }
    [[nodiscard]] int on_loop_0() const { return on_loop_0_; }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    const std::size_t expected_;
    std::size_t count_ = 0;
    int on_loop_0_ = 0;
    steady_clock::time_point since_;
    steady_clock::time_point last_;
};

/// What waits on loop 0 while a task keeps it.
struct Waiting {
    static constexpr std::size_t kTasks = 1'000;  // more than thieves can see at once

    explicit Waiting(Runtime& made) : runtime(made) {}

    Runtime& runtime;
    Served served{kTasks + 2};
    const RawSocket listening = RawSocket::listen();
    std::latch loop_0_is_kept{1};
    std::atomic<bool> kept{false};
    std::atomic<int> waiting{0};
    std::atomic<bool> pinned_ran{false};
    int pinned_ran_on = -1;

    void read() {
        auto [reader, writer] = open_connection("127.0.0.1", listening.port());
        ++waiting;
        EXPECT_EQ(reader.read(1), "x");
        served.add("I/O");
    }
    void sleep_on() {
        ++waiting;
        while (!kept.load()) {
            sleep(milliseconds(1));
        }
        served.add("timer");
    }
    void pinned() {
        sleep(milliseconds(1));
        pinned_ran_on = index_of_loop();
        pinned_ran.store(true);
    }

    /// A pinned task of loop 0, while loop 1 is kept as well.
    void keep_loop_0() {
        std::vector<Task<void>> tasks;
        tasks.push_back(spawn([this] { read(); }));
        tasks.push_back(spawn([this] { sleep_on(); }));
        tasks.push_back(create_task([this] { pinned(); }));
        RawSocket other = [this] {
            while (waiting.load() < 2) {
                yield();
            }
            return listening.accept();
        }();
        for (int turn = 0; turn < 10; ++turn) {
            yield();  // they all wait by now
        }
        pinned_ran.store(false);
        for (std::size_t i = 0; i < kTasks; ++i) {
            tasks.push_back(spawn([this] { served.add("task"); }));
        }
        auto late = create_task([this] { pinned(); });
        served.begin();
        kept.store(true);
        loop_0_is_kept.count_down();
        other.send("x");
        EXPECT_TRUE(served.wait_for_all()) << "while its loop was kept";
        EXPECT_EQ(served.on_loop_0(), 0);
        EXPECT_FALSE(pinned_ran.load()) << "a pinned task ran while its loop was kept";
        tasks.push_back(std::move(late));
        for (auto& task : tasks) {
            await(task);
        }
        EXPECT_EQ(pinned_ran_on, 0);
    }
};

/// Keeps loop 0; returns after how long everything was served.
steady_clock::duration keep_loop_0(Runtime& runtime) {
    Waiting all(runtime);
    auto keeper_of_1 = runtime.loop(1).create_task([&] { all.loop_0_is_kept.wait(); });
    auto keeper_of_0 = runtime.loop(0).create_task([&] { all.keep_loop_0(); });
    keeper_of_1.wait();
    keeper_of_0.wait();
    keeper_of_0.result();
    return all.served.all_after();
}

TEST(Rescue, AKeptLoopKeepsOnlyWhatIsPinnedToIt) {
    const WithoutHops without_hops;
    steady_clock::duration shortest = steady_clock::duration::max();
    constexpr milliseconds kToReach{25};
    constexpr int kTries = 20;  // the machine may be busy with something else in some
    for (int i = 0; i < 5 || (i < kTries && shortest > kToReach); ++i) {
        Runtime runtime(two_loops());
        runtime.start();
        shortest = std::min(shortest, keep_loop_0(runtime));
        const Metrics metrics = runtime.metrics();
        EXPECT_GT(metrics.loops.at(0).rescued, 0U);
        // What can be taken is: by the other loop, or by the rescuer where that one is late.
        EXPECT_GT(metrics.loops.at(0).rescued + metrics.loops.at(1).steals, Waiting::kTasks / 2);
    }
    const double took = duration<double, std::milli>(shortest).count();
    std::printf("all of it, the best: %.1f ms\n", took);
    RecordProperty("microseconds", static_cast<int>(1'000 * took));
#ifdef __OPTIMIZE__
    if (!kAsan && !kTsan) {
        EXPECT_LE(shortest, kToReach);
    }
#endif
}

/// How often the rescuer of this process's only runtime has gone to sleep.
long sleeps_of_the_rescuer() {
    for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream status(thread.path() / "status");
        bool is_it = false;
        for (std::string word; status >> word;) {
            if (word == "weft/rescue") {
                is_it = true;
            } else if (is_it && word == "voluntary_ctxt_switches:") {
                long count = 0;
                status >> count;
                return count;
            }
        }
    }
    ADD_FAILURE() << "there is no rescuer";
    return 0;
}

// Goal: while no loop is awake nobody looks after them; and a loop that is kept after that is rescued all
// the same. This one measures time.
TEST(Rescue, SleepsWhileTheLoopsDo) {
    const WithoutHops without_hops;
    Runtime runtime(two_loops());
    runtime.start();
    for (int round = 0; round < 3; ++round) {
        static_cast<void>(keep_loop_0(runtime));
        const auto deadline = steady_clock::now() + seconds(30);
        long before = -1;
        long sleeps = sleeps_of_the_rescuer();
        while (sleeps != before && steady_clock::now() < deadline) {
            std::this_thread::sleep_for(milliseconds(100));
            before = std::exchange(sleeps, sleeps_of_the_rescuer());
        }
        EXPECT_EQ(sleeps, before) << "it looks on while every loop sleeps";
    }
}

/// Of every loop of the runtime, what the rescuer sees.
std::vector<rt::Worker*> workers_of(Runtime& runtime) {
    std::vector<rt::Worker*> workers;
    for (int i = 0; i < runtime.workers(); ++i) {
        workers.push_back(static_cast<rt::Worker*>(runtime.loop(i).sink()));
    }
    return workers;
}

/// Sends letters to and fro; returns how many came back right.
int play_echo(int rounds) {
    StreamPair pair = make_pair_of_streams();
    auto echo = spawn([&] {
        for (std::string got = pair.server.reader.read(100); !got.empty();
             got = pair.server.reader.read(100)) {
            pair.server.writer.write(got);
        }
    });
    int right = 0;
    for (int i = 0; i < rounds; ++i) {
        const std::string letter = std::to_string(i);
        pair.client.writer.write(letter);
        right += pair.client.reader.readexactly(std::ssize(letter)) == letter ? 1 : 0;
    }
    pair.client.writer.close();
    await(echo);
    return right;
}

// Goal: a loop may be rescued at any moment, also when it needs no help: nothing is lost, nothing comes
// twice.
TEST_P(SeveralLoops, RescuedAtAnyMoment) {
    // Its own rescuer keeps out: there is one at a time.
    const rt::testing::ScopedEnvironment policy{
        "WEFT_POLICY", "rescue_every_us=1000000,stuck_after_us=1000000"};
    Runtime runtime(options());
    runtime.start();
    std::atomic<bool> over{false};
    std::thread rescuer([&over, workers = workers_of(runtime)] {
        while (!over.load()) {
            for (rt::Worker* const worker : workers) {
                // One that sleeps is not helped: or this would mend what it had broken.
                if (!worker->sleeps_undisturbed()) {
                    worker->rescue();
                }
            }
        }
    });
    static constexpr int kRounds = scaled(400);
    runtime.run([&] {
        std::vector<Task<void>> tasks;
        std::atomic<int> slept{0};
        for (int i = 0; i < 8; ++i) {
            const auto sleeper = [&slept] {
                for (int k = 0; k < kRounds; ++k) {
                    const auto until = get_running_loop().time() + std::chrono::microseconds(20);
                    sleep(std::chrono::microseconds(20));
                    EXPECT_GE(get_running_loop().time(), until);
                    timeout(seconds(60), [] { yield(); });
                    slept.fetch_add(1);
                }
            };
            tasks.push_back(i % 2 == 0 ? spawn(sleeper) : create_task(sleeper));
        }
        for (int i = 0; i < 2; ++i) {
            tasks.push_back(spawn([] { EXPECT_EQ(play_echo(kRounds), kRounds); }));
        }
        std::atomic<int> ran{0};
        int called = 0;
        constexpr int kAtOnce = 600;  // more than thieves can see
        for (int k = 0; k < std::max(kRounds / 20, 1); ++k) {
            std::vector<Task<void>> many;
            get_running_loop().call_later(std::chrono::microseconds(10), [&called] { ++called; });
            for (int i = 0; i < kAtOnce; ++i) {
                many.push_back(spawn([&ran] { ran.fetch_add(1); }));
            }
            for (auto& task : many) {
                await(task);
            }
        }
        for (auto& task : tasks) {
            await(task);
        }
        EXPECT_EQ(slept.load(), 8 * kRounds);
        EXPECT_EQ(ran.load(), std::max(kRounds / 20, 1) * kAtOnce);
        until([&] { return called == std::max(kRounds / 20, 1); });
    });
    over.store(true);
    rescuer.join();
}

}  // namespace
}  // namespace weft::test
