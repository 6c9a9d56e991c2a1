#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>
#include <weft/connection.hpp>
#include <weft/event.hpp>
#include <weft/executor.hpp>
#include <weft/queue.hpp>
#include <weft/run.hpp>
#include <weft/server.hpp>
#include <weft/sleep.hpp>
#include <weft/stream.hpp>
#include <weft/task.hpp>
#include <weft/task_group.hpp>
#include <weft/timeout.hpp>

#include "support/runtime_fixture.hpp"

// Goal: a signal may come to any of weft's threads, and to a thread that waits for weft, at any time: a system
// call is interrupted then, and nobody notices.

namespace weft::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::atomic<int> handled{0};

/// An empty handler for SIGUSR1 that interrupts system calls (no SA_RESTART), until the end of the scope.
class InterruptingHandler {
public:
    InterruptingHandler() {
        struct sigaction action {};
        action.sa_handler = [](int) { handled.fetch_add(1, std::memory_order_relaxed); };
        ::sigaction(SIGUSR1, &action, &before_);
        handled = 0;
    }
    InterruptingHandler(const InterruptingHandler&) = delete;
    InterruptingHandler& operator=(const InterruptingHandler&) = delete;
    ~InterruptingHandler() { ::sigaction(SIGUSR1, &before_, nullptr); }

private:
    struct sigaction before_ {};
};

std::set<pid_t> threads_of_this_process() {
    std::set<pid_t> threads;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
        threads.insert(std::stoi(entry.path().filename().string()));
    }
    return threads;
}

/// Sends SIGUSR1 to one of the threads at random, again and again. They live until it has ended.
class Sender {
public:
    Sender(const std::set<pid_t>& targets, int count)
        : targets_(targets.begin(), targets.end()), random_(random_engine(1)) {
        thread_ = std::thread([this, count] { send(count); });
    }
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;
    ~Sender() { thread_.join(); }

    [[nodiscard]] bool done() const { return done_; }

private:
    void send(int count) {
        std::uniform_int_distribution<std::size_t> any(0, targets_.size() - 1);
        for (int i = 0; i < count; ++i) {
            EXPECT_EQ(::syscall(SYS_tgkill, ::getpid(), targets_[any(random_)], SIGUSR1), 0);
            // So that they do not pile up to one: the kernel keeps at most one of a kind for a thread.
            std::this_thread::sleep_for(std::chrono::microseconds(20));
        }
        done_ = true;
    }

    std::vector<pid_t> targets_;
    std::mt19937_64 random_;
    std::atomic<bool> done_{false};
    std::thread thread_;
};

/// What tasks do while signals come, each to the end of the storm.
class Tasks {
public:
    explicit Tasks(const Sender& sender) : sender_(sender) {}

    /// Sleeps that must not be early.
    void sleeper() {
        while (!sender_.done()) {
            const auto before = steady_clock::now();
            sleep(std::chrono::microseconds(700));
            early_ += steady_clock::now() - before < std::chrono::microseconds(700) ? 1 : 0;
            ++rounds_;
        }
    }
    /// An event that nobody sets: only the timeout may end the wait.
    void waiter() {
        while (!sender_.done()) {
            Event never;
            try {
                timeout(milliseconds(2), [&] { never.wait(); });
                ++early_;
            } catch (const TimeoutError&) {
            }
            ++rounds_;
        }
    }
    void producer() {
        while (!sender_.done()) {
            queue_.put(1);
            ++put_;
            yield();
        }
        queue_.put(0);
    }
    void consumer() {
        for (int item = queue_.get(); item != 0; item = queue_.get()) {
            ++got_;
        }
    }
    /// Bytes over a connection: recv, send, accept and connect are interrupted, too.
    void talker(int port) {
        while (!sender_.done()) {
            auto [reader, writer] = open_connection("127.0.0.1", port);
            for (int i = 0; i < 20; ++i) {
                writer.write(std::string(3'000, 'x') + "\n");
                writer.drain();
                EXPECT_EQ(reader.readline().size(), 3'001U);
            }
            ++rounds_;
        }
    }
    /// A job on another thread, which waits for its loop and is waited for.
    void blocker() {
        while (!sender_.done()) {
            EXPECT_EQ(to_thread([] { return 7; }), 7);
            ++rounds_;
        }
    }

    void check() const {
        EXPECT_EQ(early_, 0);
        EXPECT_EQ(got_, put_);
        EXPECT_GT(rounds_, 0);
    }

private:
    const Sender& sender_;
    std::atomic<long> early_{0};
    std::atomic<long> rounds_{0};
    std::atomic<long> put_{0};
    std::atomic<long> got_{0};
    Queue<int> queue_{10};
};

void echo(StreamReader reader, StreamWriter writer) {
    for (std::string line = reader.readline(); !line.empty(); line = reader.readline()) {
        writer.write(line);
        writer.drain();
    }
}

TEST(Signals, InterruptNobody) {
    constexpr int kSignals = 10'000;
    const InterruptingHandler handler;
    RuntimeOptions options;
    options.workers = 4;
    options.pin = Pin::None;
    const std::set<pid_t> ours = threads_of_this_process();
    std::set<pid_t> targets;
    Runtime runtime(options);
    runtime.start();
    EXPECT_EQ(
        runtime.spawn([] { return to_thread([] { return 1; }); }).get(), 1
    );  // that thread, too
    for (const pid_t thread : threads_of_this_process()) {
        if (ours.count(thread) == 0) {
            targets.insert(thread);
        }
    }
    EXPECT_GE(targets.size(), 5U);
    targets.insert(static_cast<pid_t>(::syscall(SYS_gettid)));  // waits in Task::get() and run()

    const Sender sender(targets, scaled(kSignals));
    Tasks tasks(sender);
    runtime.run([&] {  // from a thread that waits: loop 0 has its own
        auto server = start_server(echo, "127.0.0.1", 0);
        task_group([&](TaskGroup& group) {
            for (int i = 0; i < 4; ++i) {
                group.spawn([&] { tasks.sleeper(); });
                group.create_task([&] { tasks.waiter(); });
            }
            group.spawn([&] { tasks.producer(); });
            group.spawn([&] { tasks.consumer(); });
            group.spawn([&] { tasks.talker(server.port()); });
            group.spawn([&] { tasks.blocker(); });
        });
        server.close();
    });
    while (!sender.done()) {
        EXPECT_EQ(runtime.spawn([] { return 7; }).get(), 7);
    }
    tasks.check();
    RecordProperty("handled", handled);
    EXPECT_GT(handled, scaled(kSignals) / 2);
}

// Goal: a plain thread that waits for a future, with and without a limit, is interrupted and goes on waiting.
TEST(Signals, InterruptNoWaitOfAPlainThread) {
    const InterruptingHandler handler;
    RuntimeOptions options;
    options.workers = 1;
    Runtime runtime(options);
    runtime.start();
    const Sender sender({static_cast<pid_t>(::syscall(SYS_gettid))}, scaled(2'000));
    for (int round = 0; !sender.done(); ++round) {
        const auto before = steady_clock::now();
        auto late = runtime.spawn([round] {
            sleep(milliseconds(5));
            return round;
        });
        if (round % 2 == 0) {
            EXPECT_EQ(late.get(), round);
        } else {
            EXPECT_EQ(runtime.run([&] { return await(late); }), round);
        }
        EXPECT_GE(steady_clock::now() - before, milliseconds(5));
    }
    EXPECT_GT(handled, 0);
}

// Goal: the same where the interrupted thread drives loop 0 itself.
TEST(Signals, InterruptNoLoopOfTheCaller) {
    const InterruptingHandler handler;
    const Sender sender({static_cast<pid_t>(::syscall(SYS_gettid))}, scaled(2'000));
    weft::run([&] {
        while (!sender.done()) {
            const auto before = steady_clock::now();
            sleep(milliseconds(3));
            EXPECT_GE(steady_clock::now() - before, milliseconds(3));
        }
    });
    EXPECT_GT(handled, 0);
}

}  // namespace
}  // namespace weft::test
