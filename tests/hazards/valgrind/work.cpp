#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <weft/weft.hpp>

#include "program.hpp"

// Where it is missing the test says so, not the compiler.
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif

// Correct code, of which valgrind is to say nothing. What each part checks is only that it has done
// what it is here for; whether weft does it well is tested elsewhere.

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

/// Calls `body(i)` in `count` tasks of both kinds, and waits for all.
template <class F>
void in_tasks(int count, F body) {
    task_group([&](TaskGroup& group) {
        for (int i = 0; i < count; ++i) {
            const auto task = [&body, i] { body(i); };
            if (i % 4 == 0) {
                group.create_task(task);
            } else {
                group.spawn(task);
            }
        }
    });
}

std::string long_text(int number) {
    return "text number " + std::to_string(number) + ", too long for a string to hold in itself";
}

// --- tasks and their stacks -------------------------------------------------------------------

/// Suspends at the bottom of large frames, and reads them on the way back.
[[gnu::noinline]] int descend(int depth) {
    std::array<int, 300> frame;
    std::iota(frame.begin(), frame.end(), depth);
    int below = 0;
    if (depth > 0) {
        below = descend(depth - 1);
    }
    pass();
    return below + frame.back() - frame.front();
}

void move_between_loops() {
    constexpr int kTasks = 200;
    std::vector<Task<std::string>> tasks;
    for (int i = 0; i < kTasks; ++i) {
        tasks.push_back(spawn([i] {
            std::string text = long_text(i);
            const int sum = descend(i % 12);
            text += await(create_task([sum] { return std::to_string(sum); }));
            pass();
            return text;
        }));
    }
    for (int i = 0; i < kTasks; ++i) {
        const std::string expected = long_text(i) + std::to_string((i % 12 + 1) * 299);
        expect(await(tasks[static_cast<std::size_t>(i)]) == expected, "a result is right");
    }
}

struct WaitsWhenDestroyed {
    ~WaitsWhenDestroyed() { pass(); }
};

[[noreturn]] void throw_text(int number) {
    const WaitsWhenDestroyed waits;
    throw std::runtime_error(long_text(number));
}

/// Exceptions that are thrown, kept, thrown again and caught while their task changes threads.
void throw_across_suspensions(int number) {
    for (int i = 0; i < 3; ++i) {
        try {
            try {
                throw_text(number);
            } catch (const std::runtime_error&) {
                pass();
                try {
                    throw std::logic_error("another one meanwhile");
                } catch (const std::logic_error&) {
                    pass();
                }
                throw;
            }
        } catch (const std::exception& error) {
            pass();
            expect(error.what() == long_text(number), "it is the same exception");
        }
    }
    try {
        await(spawn([number] { throw_text(number); }));
        expect(false, "a task's exception reaches who awaits it");
    } catch (const std::runtime_error& error) {
        pass();
        expect(error.what() == long_text(number), "it is the task's exception");
    }
}

/// How many bytes valgrind finds that nothing points to; none without it.
unsigned long bytes_lost() {
    std::array<unsigned long, 4> bytes{};  // lost, perhaps lost, held, not looked at
#ifdef VALGRIND_COUNT_LEAKS
    VALGRIND_DO_QUICK_LEAK_CHECK;
    VALGRIND_COUNT_LEAKS(bytes[0], bytes[1], bytes[2], bytes[3]);
#endif
    return bytes[0];
}

/// What only the stacks of sleeping tasks point to is not lost.
void hold_memory_while_asleep() {
    constexpr int kTasks = 20;
    Event end;
    auto holders = create_task([&end] {
        in_tasks(kTasks, [&end](int i) {
            const auto held = std::make_unique<std::string>(long_text(i));
            pass();
            end.wait();
            expect(*held == long_text(i), "what a sleeping task held is still there");
        });
    });
    for (int i = 0; i < kTasks; ++i) {
        pass();
    }
    sleep(milliseconds(5));
    expect(!dump_all_tasks().empty(), "a dump has lines");
    expect(bytes_lost() == 0, "what sleeping tasks hold is not lost");
    end.set();
    await(holders);
}

// --- waiting for each other -------------------------------------------------------------------

void take_turns() {
    constexpr int kTasks = 40;
    Lock lock;
    Condition all_are_there(lock);
    Semaphore two(2);
    Barrier ten(10);
    std::vector<std::string> texts;
    in_tasks(kTasks, [&](int i) {
        pass();
        {
            const std::scoped_lock permit(two);
            pass();
        }
        ten.wait();
        const std::scoped_lock turn(lock);
        texts.push_back(long_text(i));
        pass();
        all_are_there.notify_all();
        all_are_there.wait_for([&texts] { return texts.size() == kTasks; });
    });
    expect(texts.size() == kTasks, "all have had their turns");
}

template <class Q>
void hand_over(Q& queue, int count) {
    std::atomic<int> received{0};
    auto consumers = spawn([&] {
        in_tasks(4, [&](int) {
            try {
                for (;;) {
                    static_cast<void>(queue.get());
                    pass();
                    received.fetch_add(1, std::memory_order_relaxed);
                    queue.task_done();
                }
            } catch (const QueueShutDown&) {
            }
        });
    });
    in_tasks(4, [&](int producer) {
        for (int i = producer; i < count; i += 4) {
            queue.put(long_text(i));
        }
    });
    queue.join();
    queue.shutdown();
    await(consumers);
    expect(received.load() == count, "all items have come");
}

void use_queues() {
    Queue<std::string> bounded(3);
    hand_over(bounded, 100);
    PriorityQueue<std::string> sorted;
    hand_over(sorted, 60);
}

// --- several at once --------------------------------------------------------------------------

void combine() {
    const auto [text, number] =
        await(gather(spawn([] { return long_text(1); }), create_task([] { return 2; })));
    expect(text == long_text(1) && number == 2, "gather has both results");

    std::vector<Task<int>> tasks;
    for (int i = 0; i < 20; ++i) {
        tasks.push_back(spawn([i] {
            descend(i % 3);
            return i;
        }));
    }
    int sum = 0;
    for (const auto& task : as_completed(tasks)) {
        sum += await(task);
    }
    expect(sum == 190, "as_completed has had all");

    try {
        task_group([](TaskGroup& group) {
            group.spawn([] { sleep(hours(1)); });
            group.create_task([] { Event().wait(); });
            group.spawn([] { throw_text(1); });
        });
        expect(false, "a group throws what its task threw");
    } catch (const ExceptionGroup& errors) {
        pass();
        expect(errors.exceptions().size() == 1, "a group has one error");
    }

    const Future<std::string> promise;
    std::atomic<bool> called{false};
    promise.add_done_callback([&called](const Future<std::string>&) { called = true; });
    auto waiting = spawn([promise] { return await(promise).size(); });
    pass();
    promise.set_result(long_text(3));
    expect(await(waiting) == long_text(3).size(), "a promise is kept");
    while (!called) {
        pass();
    }

    ContextVar<std::string> variable("variable", "nothing");
    in_tasks(10, [&variable](int i) {
        const auto token = variable.set(long_text(i));
        pass();
        const auto child = spawn([&variable] { return variable.get(); });
        expect(await(child) == long_text(i), "a context variable is the task's own");
    });
    expect(variable.get() == "nothing", "a context variable stays with its task");
}

void be_late() {
    in_tasks(20, [](int i) {
        const auto held = std::make_unique<std::string>(long_text(i));
        try {
            timeout(milliseconds(1 + i % 3), [] { sleep(hours(1)); });
            expect(false, "a timeout ends a wait");
        } catch (const TimeoutError&) {
            pass();
        }
        expect(!move_on_after(milliseconds(1), [] { Event().wait(); }), "a wait is too long");
        try {
            wait_for(Future<int>(), milliseconds(1));
            expect(false, "nobody sets the future");
        } catch (const TimeoutError&) {
        }
        auto victim = spawn([] {
            try {
                sleep(hours(1));
            } catch (const CancelledError&) {
                pass();
                throw;
            }
        });
        pass();
        victim.cancel();
        victim.wait();
        expect(victim.cancelled(), "a cancelled task is cancelled");
    });
}

// --- the network and threads ------------------------------------------------------------------

void converse() {
    const auto echo = [](StreamReader reader, StreamWriter writer) {
        for (std::string line = reader.readline(); !line.empty(); line = reader.readline()) {
            writer.write(line);
            writer.drain();
        }
    };
    const Server server =
        start_server(echo, "127.0.0.1", 0, {.kind = HandlerKind::Stealable, .on_every_loop = true});
    in_tasks(16, [&server](int i) {
        auto [reader, writer] = open_connection("127.0.0.1", server.port());
        for (int k = 0; k < 3; ++k) {
            const std::string line = long_text(i * 3 + k) + "\n";
            writer.write(line);
            expect(reader.readline() == line, "a line comes back");
        }
        if (i % 4 == 0) {
            writer.abort();
            return;
        }
        std::string much(200'000, 'm');  // more than is sent at once
        for (std::size_t end = 999; end < much.size(); end += 1000) {
            much[end] = '\n';
        }
        auto sending = spawn([&writer = writer, &much] {
            writer.write(much);
            writer.write_eof();
            writer.drain();
        });
        expect(reader.read() == much, "all comes back");
        await(sending);
        writer.close();
        writer.wait_closed();
    });
    server.close();
    server.wait_closed();

    const Server closed = start_server(echo, "127.0.0.1", 0);
    closed.close();
    try {
        static_cast<void>(open_connection("127.0.0.1", closed.port()));
        expect(false, "nobody listens there");
    } catch (const OsError&) {
        pass();
    }
}

void use_threads() {
    in_tasks(12, [](int i) {
        expect(to_thread([i] { return long_text(i); }) == long_text(i), "a thread returns a text");
        pass();
        try {
            to_thread([i] { throw std::runtime_error(long_text(i)); });
            expect(false, "a function's exception comes back from the thread");
        } catch (const std::runtime_error&) {
            pass();
        }
        int set = 0;
        block_in_place([&set] { set = 1; });
        expect(set == 1, "a blocking call has been made");
    });
    Queue<std::string> queue(2);
    std::thread producer([&queue] {
        for (int i = 0; i < 20; ++i) {
            queue.put(long_text(i));
        }
    });
    for (int i = 0; i < 20; ++i) {
        expect(queue.get() == long_text(i), "a thread's item has come");
        pass();
    }
    producer.join();
}

void do_everything() {
    move_between_loops();
    in_tasks(30, &throw_across_suspensions);
    hold_memory_while_asleep();
    take_turns();
    use_queues();
    combine();
    be_late();
    converse();
    use_threads();
}

/// Counts how many there are.
class Counted {
public:
    explicit Counted(std::atomic<int>& count) : count_(count) { ++count_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() { --count_; }

private:
    std::atomic<int>& count_;
};

/// A runtime that is started, asked from a plain thread, and ends under tasks that wait.
void end_under_tasks(bool hop) {
    std::atomic<int> alive{0};
    {
        Runtime runtime(several_loops(hop));
        runtime.start();
        auto started = runtime.spawn([&alive] {
            for (int i = 0; i < 20; ++i) {
                spawn([&alive, i] {
                    const Counted counted(alive);
                    const auto held = std::make_unique<std::string>(long_text(i));
                    pass();
                    sleep(hours(1));
                });
            }
            while (alive.load() < 20) {
                pass();
            }
            return long_text(0);
        });
        expect(started.get() == long_text(0), "a plain thread gets a result");
    }
    expect(alive.load() == 0, "the end of a runtime ends its tasks");
}

}  // namespace

void work(bool hop) {
    weft::run(&do_everything, several_loops(hop));
    end_under_tasks(hop);
    Loop loop;
    const auto alone = loop.create_task([] { return long_text(0); });
    expect(loop.run_until_complete(alone) == long_text(0), "a loop of its own works");
}

}  // namespace weft::test
