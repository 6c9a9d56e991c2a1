#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>
#include <weft/event.hpp>
#include <weft/executor.hpp>
#include <weft/gather.hpp>
#include <weft/loop.hpp>
#include <weft/run.hpp>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "allocation_scenario.hpp"

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;

std::string long_result() {
    yield();
    return "a result that is longer than what a string holds in itself";
}

// --- a runtime's life, from a plain thread ----------------------------------------------------

void start_and_stop(Trial& trial) {
    trial.act([&trial] {
        Runtime runtime(trial.options());
        runtime.start();
    });
}

void run_twice(Trial& trial) {
    trial.act([&trial] {
        Runtime runtime(trial.options());
        for (int i = 0; i < 2; ++i) {
            if (runtime.run([] { return await(spawn(&long_result)); }).empty()) {
                Trial::note("a result is missing", {});
            }
        }
    });
}

void spawn_from_outside(Trial& trial) {
    std::atomic<int> ran{0};
    int made = 0;
    trial.act([&] {
        Runtime runtime(trial.options());
        runtime.start();
        for (int i = 0; i < 8; ++i) {
            auto task = runtime.spawn([&ran] {
                ran.fetch_add(1);
                return long_result();
            });
            ++made;
            static_cast<void>(task.get());
        }
    });
    trial.expect(trial.failed() || ran == made, "a task that was made did not run");
}

void stop_under_tasks(Trial& trial) {
    std::atomic<int> begun{0};
    std::atomic<int> ended{0};
    trial.act([&] {
        RuntimeOptions options = trial.options();
        Runtime runtime(options);
        runtime.run([&] {
            const auto body = [&] {
                struct Ended {
                    std::atomic<int>& count;
                    ~Ended() { count.fetch_add(1); }
                };
                begun.fetch_add(1);
                const Ended at_the_end{ended};
                await(gather(create_task([] { sleep(hours(1)); })));
            };
            for (int i = 0; i < 4; ++i) {
                i % 2 == 0 ? static_cast<void>(create_task(body)) : static_cast<void>(spawn(body));
                yield();
            }
        });
    });
    trial.expect(begun == ended, "a task did not end");
}

void run_out_of_stacks(Trial& trial) {
    RuntimeOptions options = trial.options();
    options.stack_bytes = std::size_t{4} * 1024 * 1024;  // four of them are mapped at a time
    Runtime runtime(options);
    runtime.run([&trial] {
        Event end;
        std::atomic<int> ended{0};
        int made = 0;
        trial.act([&] {
            std::vector<Task<void>> tasks;
            for (int i = 0; i < 12; ++i) {
                const auto body = [&] {
                    end.wait();
                    ended.fetch_add(1);
                };
                tasks.push_back(i % 2 == 0 ? create_task(body) : spawn(body));
                ++made;
                yield();
            }
            end.set();
            for (const Task<void>& task : tasks) {
                await(task);
            }
        });
        trial.expect(trial.failed() || ended == made, "a task did not end");
    });
}

void drive_a_loop(Trial& trial) {
    trial.act([] {
        Loop loop;
        for (int i = 0; i < 3; ++i) {
            if (loop.run_until_complete(&long_result).empty()) {
                Trial::note("a result is missing", {});
            }
            loop.call_soon([&loop] { loop.stop(); });
            loop.run_forever();
        }
        loop.close();
    });
}

void drive_a_loop_by_turns(Trial& trial) {
    trial.act([] {
        Loop loop;
        auto task = loop.create_task(&long_result);
        while (!task.done()) {
            loop.run_once();
        }
        static_cast<void>(loop.next_timeout());
        static_cast<void>(task.result());
    });
}

void run_by_another_clock(Trial& trial) {
    trial.act([&trial] {
        RuntimeOptions options = trial.options();
        options.virtual_time = true;
        options.debug = true;
        run(
            [] {
                auto task = spawn([] { sleep(hours(1)); });
                sleep(hours(2));
                await(task);
            },
            options
        );
    });
}

// --- within a task ----------------------------------------------------------------------------

void nest_runtimes(Trial& trial) {
    trial.act([&trial] {
        RuntimeOptions options = trial.options();
        Runtime inner(options);
        inner.start();
        for (int i = 0; i < 3; ++i) {
            if (await(inner.spawn(&long_result)).empty()) {
                Trial::note("a result is missing", {});
            }
        }
        static_cast<void>(inner.loop(0).create_task([] { sleep(hours(1)); }));
    });
}

void run_on_threads(Trial& trial) {
    std::atomic<int> ran{0};
    int returned = 0;
    trial.act([&] {
        for (int i = 0; i < 6; ++i) {
            returned += to_thread([&ran] {
                            ran.fetch_add(1);
                            return std::string("a result that is longer than a string");
                        }).empty()
                            ? 0
                            : 1;
        }
    });
    trial.expect(trial.failed() || returned == 6, "a result is missing");
    trial.expect(ran >= returned, "it did not run");
}

void run_in_an_executor(Trial& trial) {
    std::atomic<int> ran{0};
    int given = 0;
    trial.act([&] {
        ThreadPoolExecutor executor(2, "the name of an executor that is long");
        std::vector<Future<std::string>> futures;
        for (int i = 0; i < 6; ++i) {
            futures.push_back(run_in_executor(&executor, [&ran] {
                ran.fetch_add(1);
                return std::string("a result that is longer than a string");
            }));
            ++given;
        }
        static_cast<void>(await(gather(futures)));
    });
    trial.expect(ran >= given, "a function that was given was not called");
}

void end_an_executor(Trial& trial) {
    std::atomic<int> ran{0};
    trial.act([&] {
        ThreadPoolExecutor executor(1);
        std::vector<Future<void>> futures;
        for (int i = 0; i < 6; ++i) {
            futures.push_back(executor.submit([&ran] { ran.fetch_add(1); }));
        }
        executor.shutdown(false, true);
        for (const Future<void>& future : futures) {
            future.wait();
        }
        for (const Future<void>& future : futures) {
            if (!future.cancelled()) {
                await(future);
            }
        }
    });
    trial.expect(ran <= 6, "a function was called twice");
}

void block_in_tasks(Trial& trial) {
    std::atomic<int> ran{0};
    trial.act([&] {
        for (int i = 0; i < 6; ++i) {
            auto task = spawn([&ran] {
                return block_in_place([&ran] {
                    ran.fetch_add(1);
                    return std::string("a result that is longer than a string");
                });
            });
            if (await(task).empty()) {
                Trial::note("a result is missing", {});
            }
        }
    });
    trial.expect(trial.failed() || ran == 6, "it did not run");
}

void cancel_on_threads(Trial& trial) {
    std::atomic<bool> running{false};
    trial.act([&] {
        for (int i = 0; i < 4; ++i) {
            auto task = create_task([&] {
                to_thread([&] {
                    running = true;
                    std::this_thread::yield();
                    running = false;
                });
            });
            yield();
            task.cancel("message of a cancellation that is long");
            try {
                await(task);
            } catch (const CancelledError&) {
            }
            if (running) {
                Trial::note("to_thread() did not wait for the function", {});
            }
        }
    });
}

}  // namespace

Scenarios runtime_scenarios() {
    return {
        {"runtime_start_stop", &start_and_stop, Stage::Thread},
        {"runtime_run", &run_twice, Stage::Thread},
        {"runtime_spawn", &spawn_from_outside, Stage::Thread},
        {"runtime_shutdown", &stop_under_tasks, Stage::Thread},
        {"runtime_stacks", &run_out_of_stacks, Stage::Thread},
        {"loop", &drive_a_loop, Stage::Thread},
        {"loop_run_once", &drive_a_loop_by_turns, Stage::Thread},
        {"virtual_time", &run_by_another_clock, Stage::Thread},
        {"runtime_nested", &nest_runtimes},
        {"to_thread", &run_on_threads},
        {"executor", &run_in_an_executor},
        {"executor_shutdown", &end_an_executor},
        {"block_in_place", &block_in_tasks},
        {"to_thread_cancel", &cancel_on_threads},
    };
}

}  // namespace weft::test
