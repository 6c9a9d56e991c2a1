#include "tasks.hpp"

#include <array>
#include <memory>
#include <optional>

#include "sched/simulation.hpp"
#include "sched/worker.hpp"

namespace weft::simulate {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

struct Failed : std::runtime_error {
    Failed() : std::runtime_error("as planned") {}
};

int tree(World& world, int depth) {
    if (depth == 0) {
        world.dawdle();
        return 1;
    }
    std::vector<Task<int>> children;
    for (int i = world.between(1, 3); i > 0; --i) {
        children.push_back(world.start([&world, depth] { return tree(world, depth - 1); }));
    }
    int sum = 1;
    while (!children.empty()) {
        const auto at = children.begin() + world.below(static_cast<int>(children.size()));
        const Task<int> child = *at;
        children.erase(at);
        sum += await(child);
    }
    return sum;
}

RuntimeOptions runtime_options() {
    RuntimeOptions options;
    options.handle_sigint = false;
    options.shutdown_timeout = std::chrono::hours(24);  // up to a millisecond passes at each step
    return options;
}

/// Sleeps and deadlines, some of which are in vain, and enough tasks at once for a backlog; and callbacks
/// around `noon`, which is so far that all of them are there before.
void busy_with_deadlines(World& world, std::chrono::steady_clock::time_point noon) {
    std::vector<Task<void>> tasks;
    for (int i = world.between(1, 5); i > 0; --i) {
        tasks.push_back(world.start([&world] {
            for (int k = 0; k < 3; ++k) {
                const nanoseconds length(world.below(30'000));
                const auto until = get_running_loop().time() + length;
                sleep(length);
                world.expect(get_running_loop().time() >= until, "a sleep ended early");
                try {
                    timeout(nanoseconds(world.below(30'000)), [] { sleep(std::chrono::hours(1)); });
                    world.expect(false, "a sleep of an hour has ended");
                } catch (const TimeoutError&) {
                }
                timeout(std::chrono::hours(1), [&world] { world.dawdle(); });
            }
        }));
    }
    std::size_t called = 0;
    constexpr std::size_t kCalls = 5;
    nanoseconds last{0};
    for (std::size_t i = 0; i < kCalls; ++i) {
        const auto when = noon + nanoseconds(world.below(20'000));
        get_running_loop().call_at(when, [&world, &called, &last, when] {
            world.expect(last <= when.time_since_epoch(), "callbacks change places");
            last = when.time_since_epoch();
            ++called;
        });
    }
    int ran = 0;
    const int count = world.one_in(4) ? 300 : 0;
    for (int i = 0; i < count; ++i) {
        tasks.push_back(spawn([&ran] { ++ran; }));
    }
    await_all(tasks);
    while (called < kCalls) {
        sleep(std::chrono::seconds(1));
    }
    world.expect_equal(ran, count, "tasks that ran");
}

}  // namespace

// Goal: one of setting, failing and cancelling wins, everybody who waits sees that one, and a
// cancelled waiter is the only one to go.
void future_races(World& world) {
    // A shield whose waiter was cancelled reports the error that comes after that.
    get_running_loop().runtime().set_exception_handler([](Loop&, const ExceptionContext&) {});
    for (int round = world.between(1, 3); round > 0; --round) {
        const Future<int> future;
        int won = 0;
        int called_back = 0;
        std::vector<Task<int>> waiters;
        for (int i = world.between(1, 4); i > 0; --i) {
            waiters.push_back(world.start([&, future] {
                world.dawdle();
                future.add_done_callback([&](const Future<int>&) { ++called_back; });
                return await(shield(future));
            }));
        }
        std::vector<Task<void>> setters;
        for (int i = world.between(1, 3); i > 0; --i) {
            setters.push_back(world.start([&, future, i] {
                world.dawdle();
                try {
                    switch (world.below(3)) {
                        case 0:
                            future.set_result(i);
                            ++won;
                            break;
                        case 1:
                            future.set_exception(std::make_exception_ptr(Failed()));
                            ++won;
                            break;
                        default:
                            won += future.cancel() ? 1 : 0;
                            break;
                    }
                } catch (const InvalidStateError&) {
                }
            }));
        }
        int cancelled = 0;
        if (world.one_in(2)) {
            world.dawdle();
            cancelled += waiters.front().cancel() ? 1 : 0;
        }
        await_all(setters);
        std::array<int, 3> ends{};
        for (const Task<int>& waiter : waiters) {
            try {
                await(waiter);
                ++ends[0];
            } catch (const Failed&) {
                ++ends[1];
            } catch (const CancelledError&) {
                ++ends[2];
            }
        }
        if (future.done() && !future.cancelled()) {
            static_cast<void>(future.exception());  // seen, though perhaps nobody waited any more
        }
        world.expect_equal(won, 1, "who finished the future");
        const int kinds = (ends[0] > 0) + (ends[1] > 0) + (ends[2] > cancelled);
        world.expect(kinds <= 1, "waiters of one future saw different ends");
        while (called_back < static_cast<int>(waiters.size()) - cancelled) {
            yield();
        }
    }
}

// Goal: every task of a tree runs once, whoever steals it.
void fork_and_join(World& world) {
    int made = 0;
    const int depth = world.between(1, 4);
    const Task<int> root = world.start([&world, depth] { return tree(world, depth); });
    made = await(root);
    world.expect(made >= depth + 1, "a tree of fewer tasks than levels");
    std::vector<Task<void>> many;
    int ran = 0;
    const int count = world.between(1, 60);
    for (int i = 0; i < count; ++i) {
        many.push_back(world.start([&ran] { ++ran; }));
    }
    await_all(many);
    world.expect_equal(ran, count, "tasks that ran");
}

// Goal: nothing of a group goes on when its scope has been left, however that ended.
void groups_and_timeouts(World& world) {
    for (int round = world.between(1, 3); round > 0; --round) {
        int begun = 0;
        int ended = 0;
        const bool fails = world.one_in(3);
        const nanoseconds limit(world.between(1, 60'000));
        try {
            timeout(limit, [&] {
                task_group([&](TaskGroup& group) {
                    for (int i = world.between(1, 5); i > 0; --i) {
                        const auto body = [&, i] {
                            ++begun;
                            struct Count {
                                int& ended;
                                ~Count() { ++ended; }
                            } const count{ended};
                            world.dawdle();
                            sleep(nanoseconds(world.below(40'000)));
                            if (fails && i == 1) {
                                throw Failed();
                            }
                        };
                        if (world.one_in(2)) {
                            group.spawn(body);
                        } else {
                            group.create_task(body);
                        }
                    }
                });
            });
        } catch (const TimeoutError&) {
        } catch (const ExceptionGroup&) {
            world.expect(fails, "a group failed that had no failure");
        }
        world.expect_equal(ended, begun, "tasks of a group that have ended");
    }
    world.expect_equal(current_task().cancelling(), 0U, "cancellations left by a timeout");
}

// Goal: gather() has all results in order, and wait() says truly who is done.
void gathers(World& world) {
    std::vector<Task<int>> tasks;
    const int count = world.between(1, 6);
    for (int i = 0; i < count; ++i) {
        tasks.push_back(world.start([&world, i] {
            world.dawdle();
            return i;
        }));
    }
    auto found = wait(tasks, std::nullopt, ReturnWhen::FirstCompleted);
    world.expect(!found.done.empty(), "wait() came back though nobody was done");
    const std::vector<int> results = await(gather(tasks));
    for (int i = 0; i < count; ++i) {
        world.expect_equal(results[static_cast<std::size_t>(i)], i, "a result of gather()");
    }
    std::vector<Task<void>> endless;
    for (int i = 0; i < count; ++i) {
        endless.push_back(world.start([] { sleep(std::chrono::hours(1)); }));
    }
    const auto all = gather(endless);
    world.dawdle();
    all.cancel();
    try {
        await(all);
        world.expect(false, "a gather() that was cancelled has a result");
    } catch (const CancelledError&) {
    }
    for (const Task<void>& task : endless) {
        try {
            await(task);
        } catch (const CancelledError&) {
        }
        world.expect(task.cancelled(), "a child of a cancelled gather() goes on");
    }
}

// Goal: no sleep ends before its time, and none is forgotten.
void sleepers(World& world) {
    std::vector<Task<void>> tasks;
    for (int i = world.between(1, 8); i > 0; --i) {
        tasks.push_back(world.start([&world] {
            for (int k = 0; k < 3; ++k) {
                const nanoseconds length(world.below(100'000));
                const auto until = get_running_loop().time() + length;
                sleep(length);
                world.expect(get_running_loop().time() >= until, "a sleep ended early");
            }
        }));
    }
    bool called = false;
    get_running_loop().call_later(nanoseconds(world.below(50'000)), [&called] { called = true; });
    await_all(tasks);
    while (!called) {
        sleep(microseconds(10));
    }
}

// Goal: a runtime that ends unwinds every task, wherever it waits, once.
void stop_with_parked(World& world) {
    for (int round = world.between(1, 2); round > 0; --round) {
        int begun = 0;
        int unwound = 0;
        RuntimeOptions options = runtime_options();
        Lock lock;
        Event event;
        Queue<int> queue(1);
        Runtime runtime(options);
        runtime.run([&] {
            static_cast<void>(lock.try_lock());
            const Future<void> never;
            for (int i = world.between(1, 10); i > 0; --i) {
                static_cast<void>(world.start([&, never] {
                    ++begun;
                    struct Count {
                        int& unwound;
                        ~Count() { ++unwound; }
                    } const count{unwound};
                    switch (world.below(6)) {
                        case 0:
                            lock.acquire();
                            break;
                        case 1:
                            event.wait();
                            break;
                        case 2:
                            static_cast<void>(queue.get());
                            break;
                        case 3:
                            await(shield(never));
                            break;
                        case 4:
                            for (;;) {
                                yield();
                            }
                        default:
                            sleep(std::chrono::hours(1));
                            break;
                    }
                }));
            }
            for (int i = world.below(4); i > 0; --i) {
                world.dawdle();
            }
        });
        runtime.shutdown();
        world.expect_equal(unwound, begun, "tasks that a shutdown has unwound");
    }
}

// Goal: a loop may be rescued at any moment, also when it needs no help: nothing is lost, nothing comes
// twice, and what is pinned stays.
void rescues(World& world) {
    RuntimeOptions options = runtime_options();
    Runtime runtime(options);
    runtime.start();
    rt::Simulation& simulation = *rt::Simulation::of_thread();
    constexpr rt::Nanos kUntilNoon = 10'000'000'000;
    const rt::Nanos noon = simulation.now() + kUntilNoon;
    const std::chrono::steady_clock::time_point told_noon{nanoseconds(noon)};
    bool ended = false;
    const auto rescue_some = [&] {
        // One loop has nobody to help it, and no lock for that.
        for (int i = runtime.workers() > 1 ? world.between(1, 20) : 0; i > 0; --i) {
            simulation.sleep_for(world.below(10'000));
            Loop& loop = runtime.loop(world.below(runtime.workers()));
            static_cast<rt::Worker&>(*loop.sink()).rescue();
        }
    };
    static_cast<void>(simulation.start([&] {
        rescue_some();
        simulation.sleep_until(noon);
        rescue_some();
        ended = true;
    }));
    std::vector<Task<void>> mains;
    for (int i = 0; i < runtime.workers(); ++i) {
        Loop& loop = runtime.loop(i);
        mains.push_back(loop.create_task([&world, &loop, told_noon] {
            busy_with_deadlines(world, told_noon);
            world.expect(&get_running_loop() == &loop, "a pinned task has moved");
        }));
    }
    for (const Task<void>& main : mains) {
        main.wait();
        main.result();
    }
    while (!ended) {
        simulation.sleep_for(1'000);
    }
    runtime.shutdown();
}

// Goal: threads that run no loop may make tasks, call back, finish futures and wait for them.
void threads_outside(World& world) {
    RuntimeOptions options = runtime_options();
    Runtime runtime(options);
    runtime.start();
    rt::Simulation& simulation = *rt::Simulation::of_thread();
    const int threads = world.between(1, 3);
    int left = 0;
    for (int i = 0; i < threads; ++i) {
        static_cast<void>(simulation.start([&] {
            for (int k = world.between(1, 4); k > 0; --k) {
                const Future<int> future;
                const auto echo = runtime.spawn([&, future] {
                    world.dawdle();
                    return await(future) + 1;
                });
                bool called = false;
                runtime.loop(world.below(runtime.workers())).call_soon_threadsafe([&, future] {
                    called = true;
                    future.set_result(41);
                });
                echo.wait();
                world.expect_equal(echo.result(), 42, "what came back from a loop");
                world.expect(called, "a callback from outside was not called");
            }
            ++left;
        }));
    }
    while (left < threads) {
        simulation.sleep_for(1'000);
    }
    runtime.shutdown();
}

}  // namespace weft::simulate
