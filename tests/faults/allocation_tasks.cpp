#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <weft/context.hpp>
#include <weft/event.hpp>
#include <weft/future.hpp>
#include <weft/loop.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "allocation_crew.hpp"
#include "allocation_scenario.hpp"

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;

constexpr int kRounds = 12;

/// Longer than what a string holds in itself.
std::string long_text(const char* what) {
    return std::string(what) + " of a scenario of the sweep";
}

void create_tasks(Trial& trial) {
    int sum = 0;
    trial.act([&] {
        for (int i = 0; i < kRounds; ++i) {
            auto task = create_task([i] { return long_text("result") + std::to_string(i); });
            sum += await(task).empty() ? 0 : 1;
        }
    });
    trial.expect(trial.failed() || sum == kRounds, "a result is missing");
}

void spawn_tasks(Trial& trial) {
    std::atomic<int> ran{0};
    int made = 0;
    trial.act([&] {
        std::vector<Task<std::string>> tasks;
        for (int i = 0; i < kRounds; ++i) {
            tasks.push_back(spawn([&ran] {
                ran.fetch_add(1);
                return long_text("spawned");
            }));
            ++made;
        }
        for (const auto& task : tasks) {
            static_cast<void>(await(task));
        }
    });
    trial.expect(ran >= made, "a task that was made did not run");
}

void name_tasks(Trial& trial) {
    int ran = 0;
    int made = 0;
    trial.act([&] {
        for (int i = 0; i < kRounds; ++i) {
            auto task = create_task([&ran] { ++ran; }, long_text("the name"));
            ++made;
            task.set_name(long_text("another name"));
            static_cast<void>(task.name());
            await(task);
        }
    });
    trial.expect(ran == made, "a task that was made did not run");
}

void give_contexts(Trial& trial) {
    const ContextVar<std::string> variable("variable");
    trial.act([&] {
        for (int i = 0; i < kRounds; ++i) {
            Context context;
            context.run([&] { variable.set(long_text("value")); });
            auto task = create_task([&] { return variable.get(); }, {.context = context});
            if (await(task).empty()) {
                Trial::note("the task has another context", {});
            }
        }
    });
}

void start_eagerly(Trial& trial) {
    int ran = 0;
    int made = 0;
    trial.act([&] {
        for (int i = 0; i < kRounds; ++i) {
            auto task = create_task(
                [&ran] {
                    ++ran;
                    yield();
                    return long_text("eager");
                },
                {.name = long_text("name"), .eager_start = true}
            );
            ++made;
            static_cast<void>(await(task));
        }
    });
    trial.expect(ran == made, "a task that was made did not run");
}

struct alignas(128) Large {
    std::array<char, 1024> bytes{};
};

void make_large_tasks(Trial& trial) {
    int made = 0;
    trial.act([&] {
        for (int i = 0; i < kRounds; ++i) {
            const Large large;
            auto pinned = create_task([large] { return large; });
            auto stealable = spawn([large] { return std::string(large.bytes.size(), 'x'); });
            static_cast<void>(await(pinned));
            static_cast<void>(await(stealable));
            ++made;
        }
    });
    trial.expect(trial.failed() || made == kRounds, "a task is missing");
}

std::string call_down(int depth) {
    if (depth == 0) {
        return long_text("the bottom");
    }
    const auto next = [depth] { return call_down(depth - 1); };
    return await(depth % 2 == 0 ? create_task(next) : spawn(next)) + "+";
}

void await_a_chain(Trial& trial) {
    trial.act([] {
        for (int i = 0; i < 3; ++i) {
            static_cast<void>(call_down(kRounds));
        }
    });
}

void set_futures(Trial& trial) {
    int received = 0;
    trial.act([&] {
        for (int i = 0; i < kRounds; ++i) {
            const Future<std::string> future;
            auto reader = create_task([&received, future] {
                static_cast<void>(await(future));
                ++received;
            });
            try {
                future.set_result(long_text("result"));
            } catch (const std::bad_alloc&) {
                future.set_result(std::string());  // it is open still
            }
            await(reader);
        }
    });
    trial.expect(trial.failed() || received == kRounds, "a result did not arrive");
}

void fail_futures(Trial& trial) {
    int received = 0;
    trial.act([&] {
        for (int i = 0; i < kRounds; ++i) {
            const Future<int> future;
            auto reader = spawn([&received, future] {
                try {
                    static_cast<void>(await(future));
                } catch (const std::out_of_range&) {
                    ++received;
                }
            });
            future.set_exception(std::make_exception_ptr(std::out_of_range(long_text("error"))));
            await(reader);
        }
    });
    trial.expect(trial.failed() || received == kRounds, "an error did not arrive");
}

void cancel_futures(Trial& trial) {
    int received = 0;
    trial.act([&] {
        for (int i = 0; i < kRounds; ++i) {
            const Future<void> future;
            auto reader = create_task([&received, future] {
                try {
                    await(future);
                } catch (const CancelledError&) {
                    ++received;
                }
            });
            yield();
            if (i % 2 == 0) {
                future.cancel(long_text("message"));
            } else {
                reader.cancel(long_text("message"));
            }
            await(reader);
        }
    });
    trial.expect(trial.failed() || received == kRounds, "a cancellation did not arrive");
}

void call_back_when_done(Trial& trial) {
    int added = 0;
    int called = 0;
    trial.act([&] {
        for (int i = 0; i < kRounds; ++i) {
            const Future<int> future;
            const int before = added;
            struct Finish {
                const Future<int>& future;
                ~Finish() { future.cancel(); }
            } finish{future};
            for (int j = 0; j < 3; ++j) {
                future.add_done_callback([&called](const Future<int>&) { ++called; });
                ++added;
            }
            Handle gone = future.add_done_callback([](const Future<int>&) {
                Trial::note("a callback that was removed is called", {});
            });
            if (!future.remove_done_callback(gone)) {
                Trial::note("a callback cannot be removed", {});
            }
            future.set_result(before);
            while (called != added) {
                yield();
            }
        }
    });
    trial.expect(called == added, "a callback is missing");
}

void call_soon(Trial& trial) {
    int added = 0;
    int called = 0;
    trial.act([&] {
        for (int i = 0; i < 3 * kRounds; ++i) {
            get_running_loop().call_soon([&called] { ++called; });
            ++added;
            Handle gone = get_running_loop().call_soon([] {
                Trial::note("a callback that was cancelled is called", {});
            });
            gone.cancel();
        }
        while (called != added) {
            yield();
        }
    });
    trial.expect(called == added, "a callback is missing");
}

void call_later(Trial& trial) {
    int added = 0;
    int called = 0;
    std::vector<TimerHandle> timers;
    timers.reserve(4 * kRounds);
    trial.act([&] {
        for (int i = 0; i < 2 * kRounds; ++i) {
            get_running_loop().call_later(microseconds(10 * i), [&called] { ++called; });
            ++added;
            timers.push_back(get_running_loop().call_later(hours(1), [] {}));
        }
        while (called != added) {
            yield();
        }
    });
    for (TimerHandle& timer : timers) {
        timer.cancel();
    }
    while (called != added) {
        yield();  // those of an act that threw are still due
    }
}

void call_from_a_thread(Trial& trial) {
    std::atomic<int> added{0};
    std::atomic<int> called{0};
    trial.act([&] {
        Loop& loop = get_running_loop();
        const Future<void> ended;
        std::exception_ptr error;
        std::thread outside([&] {
            try {
                for (int i = 0; i < 2 * kRounds; ++i) {
                    loop.call_soon_threadsafe([&called] { called.fetch_add(1); });
                    added.fetch_add(1);
                }
            } catch (...) {
                error = std::current_exception();
            }
            ended.set_result();
        });
        await(ended);
        outside.join();
        while (called != added) {
            yield();
        }
        if (error != nullptr) {
            std::rethrow_exception(error);
        }
    });
    trial.expect(called == added, "a callback is missing");
}

void create_on_another_loop(Trial& trial) {
    std::atomic<int> ran{0};
    int made = 0;
    trial.act([&] {
        Loop& other = get_running_loop().runtime().loop(trial.loops() - 1);
        for (int i = 0; i < kRounds; ++i) {
            auto task = other.create_task(
                [&ran] {
                    ran.fetch_add(1);
                    yield();
                    return long_text("from the other loop");
                },
                long_text("name")
            );
            ++made;
            static_cast<void>(await(task));
        }
    });
    trial.expect(ran == made, "a task that was made did not run");
}

void cancel_tasks(Trial& trial) {
    std::atomic<int> begun{0};
    std::atomic<int> ended{0};
    trial.act([&] {
        struct Ended {
            std::atomic<int>& count;
            ~Ended() { count.fetch_add(1); }
        };
        const auto body = [&begun, &ended] {
            begun.fetch_add(1);
            const Ended at_the_end{ended};
            try {
                sleep(hours(1));
            } catch (const CancelledError& cancelled) {
                const std::string copy = cancelled.message() + long_text("seen");
                throw;
            }
        };
        for (int i = 0; i < kRounds; ++i) {
            auto task = i % 2 == 0 ? create_task(body) : spawn(body);
            yield();
            task.cancel(long_text("message"));
            try {
                await(task);
            } catch (const CancelledError&) {
            }
        }
    });
    trial.expect(begun == ended, "a task did not end");
}

void sleep_often(Trial& trial) {
    std::atomic<int> awake{0};
    Crew crew;
    trial.act([&] {
        for (int i = 0; i < 2 * kRounds; ++i) {
            const auto body = [&awake, i] {
                const std::string text = long_text("before");
                sleep(microseconds(i * 7));
                const std::string more = long_text("after");
                awake.fetch_add(1);
            };
            i % 2 == 0 ? crew.create(body) : crew.spawn(body);
        }
        crew.join();
    });
    trial.expect(trial.failed() || awake == 2 * kRounds, "a task sleeps on");
}

void lose_errors(Trial& trial) {
    trial.act([] {
        for (int i = 0; i < kRounds; ++i) {
            static_cast<void>(create_task(
                [] {
                    const std::string text = long_text("a task that fails");
                    throw std::bad_alloc();
                },
                long_text("the name")
            ));
            const Future<int> future;
            future.set_exception(std::make_exception_ptr(std::bad_alloc()));
            yield();
        }
    });
}

void throw_in_callbacks(Trial& trial) {
    int added = 0;
    int called = 0;
    trial.act([&] {
        Loop& loop = get_running_loop();
        for (int i = 0; i < kRounds; ++i) {
            loop.call_soon([&called] {
                ++called;
                throw std::bad_alloc();
            });
            ++added;
            loop.call_exception_handler(
                {long_text("message"), std::make_exception_ptr(std::bad_alloc()), "subject"}
            );
            loop.set_exception_handler(loop.get_exception_handler());
        }
        while (called != added) {
            yield();
        }
    });
    trial.expect(called == added, "a callback is missing");
}

void set_variables(Trial& trial) {
    const ContextVar<std::string> variable("variable", long_text("default"));
    const ContextVar<int> other("other", 1);
    trial.act([&] {
        for (int i = 0; i < kRounds; ++i) {
            auto token = variable.set(long_text("value"));
            other.set(i);
            auto inner = create_task([&] {
                other.set(100);
                return variable.get();
            });
            static_cast<void>(await(inner));
            if (other.get() != i) {
                Trial::note("a task changed its maker's context", {});
            }
            variable.reset(token);
        }
    });
    trial.expect(trial.failed() || variable.get() == long_text("default"), "reset() is lost");
}

void run_in_contexts(Trial& trial) {
    const ContextVar<std::string> variable("variable", "");
    trial.act([&] {
        for (int i = 0; i < kRounds; ++i) {
            const Context context = copy_context();
            context.run([&] {
                variable.set(long_text("inside"));
                auto callback_ran = create_task([&] { return variable.get(); });
                static_cast<void>(await(callback_ran));
            });
            if (!variable.get().empty()) {
                Trial::note("a value left its context", {});
            }
        }
    });
}

void dump_tasks(Trial& trial) {
    Event end;
    Crew crew;
    crew.create([&end] { end.wait(); });
    crew.spawn([&end] { end.wait(); });
    trial.act([&] {
        struct End {
            Event& event;
            ~End() { event.set(); }
        };
        {
            const End at_the_end{end};
            Runtime& runtime = get_running_loop().runtime();
            for (int i = 0; i < 3; ++i) {
                static_cast<void>(runtime.dump_tasks());
                static_cast<void>(runtime.all_tasks());
                static_cast<void>(runtime.metrics());
                static_cast<void>(current_task().get_stack());
                static_cast<void>(crew[0].get_stack());
            }
        }
        crew.join();
    });
}

void get_from_a_thread(Trial& trial) {
    std::atomic<bool> received{false};
    trial.act([&] {
        for (int i = 0; i < 3; ++i) {
            const Future<std::string> future;
            const Future<void> ended;
            std::thread outside([&, future] {
                try {
                    received = !future.get().empty();
                } catch (const std::bad_alloc&) {
                    received = true;
                }
                ended.set_result();
            });
            try {
                future.set_result(long_text("for a thread"));
            } catch (const std::bad_alloc&) {
                future.set_exception(std::current_exception());
            }
            await(ended);
            outside.join();
            if (!received.exchange(false)) {
                Trial::note("the thread received nothing", {});
            }
        }
    });
}

}  // namespace

Scenarios task_scenarios() {
    return {
        {"create_task", &create_tasks},
        {"spawn", &spawn_tasks},
        {"task_name", &name_tasks},
        {"task_context", &give_contexts},
        {"eager_task", &start_eagerly},
        {"large_task", &make_large_tasks},
        {"await_chain", &await_a_chain},
        {"future_result", &set_futures},
        {"future_exception", &fail_futures},
        {"future_cancel", &cancel_futures},
        {"done_callback", &call_back_when_done},
        {"call_soon", &call_soon},
        {"call_later", &call_later},
        {"call_soon_threadsafe", &call_from_a_thread},
        {"create_task_elsewhere", &create_on_another_loop},
        {"task_cancel", &cancel_tasks},
        {"sleep", &sleep_often},
        {"unseen_error", &lose_errors},
        {"exception_handler", &throw_in_callbacks},
        {"context_variable", &set_variables},
        {"context_run", &run_in_contexts},
        {"dump", &dump_tasks},
        {"get_from_a_thread", &get_from_a_thread},
    };
}

}  // namespace weft::test
