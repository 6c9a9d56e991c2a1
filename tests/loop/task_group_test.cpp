#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>
#include <weft/gather.hpp>
#include <weft/loop.hpp>
#include <weft/sleep.hpp>
#include <weft/task_group.hpp>
#include <weft/timeout.hpp>

#include "loop/endings.hpp"
#include "support/runtime_fixture.hpp"
#include "task/counted.hpp"

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

/// A function that fails with `text` after so many turns.
auto failing(std::string text, int turns = 0) {
    return [text = std::move(text), turns] {
        yield_times(turns);
        throw std::runtime_error(text);
    };
}
/// One that fails with `text` when it is cancelled.
auto failing_when_cancelled(std::string text) {
    return [text = std::move(text)] {
        try {
            sleep_long();
        } catch (const CancelledError&) {
            throw std::runtime_error(text);
        }
    };
}

/// A function that does `act` while it is moved into its task, and nothing more there.
struct ActingWhenMoved {
    explicit ActingWhenMoved(std::function<void()> given) : act(std::move(given)) {}
    ActingWhenMoved(ActingWhenMoved&& other) : act(other.act) { act(); }
    ActingWhenMoved(const ActingWhenMoved&) = delete;
    void operator()() const {}
    std::function<void()> act;
};

bool starts_with(const std::string& text, const std::string& begin) {
    return text.compare(0, begin.size(), begin) == 0;
}

// CPython: test_taskgroups.BaseTestTaskGroup.test_taskgroup_01, _02, _03
// Goal: the scope ends when its tasks have; each gives its result.
TEST_P(OnEveryRuntime, GroupWaitsForItsTasks) {
    run([] {
        std::optional<Task<int>> pinned;
        std::optional<Task<std::string>> stealable;
        const Future<void> gate;
        auto parent = create_task([&] {
            task_group([&](TaskGroup& group) {
                pinned = group.create_task([&] {
                    await(gate);
                    return 1;
                });
                stealable = group.spawn([&] {
                    await(gate);
                    return std::string("two");
                });
                EXPECT_EQ(group.create_task([] {}, "named").name(), "named");
                EXPECT_FALSE(pinned->done());
            });
            EXPECT_TRUE(pinned->done() && stealable->done());
        });
        settle();
        EXPECT_FALSE(parent.done());
        gate.set_result();
        EXPECT_EQ(end_of(parent), "ok");
        EXPECT_EQ(pinned->result(), 1);
        EXPECT_EQ(stealable->result(), "two");
        task_group([](TaskGroup&) {});  // nothing to wait for
        task_group([](TaskGroup& group) { await(group.create_task([] {})); });
    });
}

// CPython: test_taskgroups.BaseTestTaskGroup.test_taskgroup_04, _05
// Goal: the first error cancels the siblings and the function where it waits, and comes when all
// have ended.
TEST_P(OnEveryRuntime, GroupFailsWithItsFirstTask) {
    run([] {
        for (const bool pinned : {true, false}) {
            std::atomic<int> cleaned{0};
            const auto sibling = [&] {
                try {
                    sleep_long();
                } catch (const CancelledError&) {
                    yield_times(3);
                    ++cleaned;
                    throw;
                }
            };
            bool body_cancelled = false;
            std::optional<Task<void>> kept;
            const std::string end = end_of([&] {
                task_group([&](TaskGroup& group) {
                    kept = group.create_task(sibling);
                    group.spawn(sibling);
                    settle();
                    pinned ? group.create_task(failing("one")) : group.spawn(failing("one"));
                    try {
                        sleep_long();
                    } catch (const CancelledError&) {
                        body_cancelled = true;
                        EXPECT_EQ(cancelling(), 1U);
                        throw;
                    }
                });
            });
            EXPECT_EQ(end, "[one]");
            EXPECT_TRUE(body_cancelled);
            EXPECT_EQ(cleaned.load(), 2);
            EXPECT_TRUE(kept->cancelled());
            EXPECT_EQ(cancelling(), 0U);
            yield();  // nothing of the cancellation is left
        }
    });
}

// CPython: test_taskgroups (errors in the closing wait)
// Goal: the same where the function has returned already.
TEST_P(OnEveryRuntime, GroupFailsWhileItCloses) {
    run([] {
        const std::string end = end_of([] {
            task_group([](TaskGroup& group) {
                group.create_task(sleep_long);
                group.spawn(sleep_long);
                group.create_task(failing("late", 3));
            });
        });
        EXPECT_EQ(end, "[late]");
        EXPECT_EQ(cancelling(), 0U);
        yield();
    });
}

// CPython: test_taskgroups: ExceptionGroup contents; observed: [a, b, KeyError('body')]
// Goal: the group has every error: those of tasks in the order they came, then the function's.
TEST_P(OnEveryRuntime, GroupHasEveryErrorInOrder) {
    run([] {
        const std::string end = end_of([] {
            task_group([](TaskGroup& group) {
                group.create_task(failing_when_cancelled("second"));
                group.create_task(failing_when_cancelled("third"));
                settle();
                group.create_task(failing("first"));
                try {
                    sleep_long();
                } catch (const CancelledError&) {
                    throw std::runtime_error("body");
                }
            });
        });
        EXPECT_TRUE(end == "[first second third body]" || end == "[first third second body]")
            << end;  // siblings are cancelled in no order that is promised
        try {
            task_group([](TaskGroup& group) { group.create_task(failing("alone")); });
            ADD_FAILURE();
        } catch (const ExceptionGroup& group) {
            EXPECT_EQ(group.exceptions().size(), 1U);
            EXPECT_STREQ(group.what(), "unhandled errors in a TaskGroup (1 error)");
        }
        // Those that fail on their own, in the order in which they do.
        const std::string four = end_of([] {
            task_group([](TaskGroup& group) {
                for (const char* text : {"a", "b", "c", "d"}) {
                    group.create_task(failing(text));
                }
            });
        });
        EXPECT_EQ(four, "[a b c d]");
    });
}

// CPython: taskgroups.TaskGroup.__aexit__, observed
// Goal: what the function throws cancels the tasks and joins their errors.
TEST_P(OnEveryRuntime, GroupWithAnErrorOfItsFunction) {
    run([] {
        std::optional<Task<void>> task;
        const std::string end = end_of([&] {
            task_group([&](TaskGroup& group) {
                task = group.create_task(sleep_long);
                settle();
                throw std::runtime_error("body");
            });
        });
        EXPECT_EQ(end, "[body]");
        EXPECT_TRUE(task->cancelled());
        const std::string both = end_of([&] {
            task_group([&](TaskGroup& group) {
                group.create_task(failing_when_cancelled("task"));
                settle();
                throw std::runtime_error("body");
            });
        });
        EXPECT_EQ(both, "[task body]");
        EXPECT_EQ(
            end_of([] { task_group([](TaskGroup&) { throw std::runtime_error("alone"); }); }),
            "[alone]"
        );
        EXPECT_EQ(cancelling(), 0U);
        yield();
    });
}

// Goal: a task is cancelled once, whatever else fails while it cleans up.
TEST_P(OnEveryRuntime, GroupCancelsATaskOnce) {
    run([] {
        const Future<void> begin;
        const Future<void> gate;
        std::optional<Task<void>> patient;
        auto parent = create_task([&] {
            task_group([&](TaskGroup& group) {
                group.create_task(failing_when_cancelled("task"));
                patient = group.create_task([&] {
                    EXPECT_EQ(end_of(sleep_long), "cancelled");
                    EXPECT_EQ(end_of(gate), "ok");
                });
                await(begin);
                throw std::runtime_error("body");
            });
        });
        settle();
        begin.set_result();
        settle();
        EXPECT_EQ(patient->cancelling(), 1U);
        gate.set_result();
        EXPECT_EQ(end_of(parent), "[task body]");
        EXPECT_EQ(parent.cancelling(), 0U);
    });
}

// Goal: an error that is no std::exception is one like any other.
TEST_P(OnEveryRuntime, GroupWithAnyErrorAtAll) {
    run([] {
        try {
            task_group([](TaskGroup& group) { group.create_task([] { throw 5; }); });
            ADD_FAILURE();
        } catch (const ExceptionGroup& group) {
            ASSERT_EQ(group.exceptions().size(), 1U);
            EXPECT_THROW(std::rethrow_exception(group.exceptions().front()), int);
        }
    });
}

// CPython: test_taskgroups.BaseTestTaskGroup.test_taskgroup_10, _11 (a task that is cancelled)
// Goal: a task that is cancelled is no error, and its siblings run on.
TEST_P(OnEveryRuntime, GroupWithACancelledTask) {
    run([] {
        bool went_on = false;
        task_group([&](TaskGroup& group) {
            auto victim = group.create_task(sleep_long);
            auto before_it_starts = group.spawn([] { sleep_long(); });
            const Future<void> gate;
            auto sibling = group.create_task([&went_on, gate] {
                await(gate);
                went_on = true;
            });
            before_it_starts.cancel();
            settle();
            victim.cancel();
            EXPECT_EQ(end_of(victim), "cancelled");
            EXPECT_FALSE(sibling.done());
            group.create_task([] { throw CancelledError("own"); });
            settle();
            EXPECT_EQ(sibling.cancelling(), 0U);
            gate.set_result();
        });
        EXPECT_TRUE(went_on);
    });
}

// CPython: observed: CancelledError('own')
// Goal: a CancelledError that the function throws cancels the tasks and passes as it is.
TEST_P(OnEveryRuntime, GroupWithACancelledErrorOfItsFunction) {
    run([] {
        std::optional<Task<void>> task;
        const std::string end = end_of([&] {
            task_group([&](TaskGroup& group) {
                task = group.create_task(sleep_long);
                settle();
                throw CancelledError("own");
            });
        });
        EXPECT_EQ(end, "cancelled: own");
        EXPECT_TRUE(task->cancelled());
    });
}

// CPython: test_taskgroups: "tasks may be added while it is closing"
// Goal: while a task runs, tasks are added, also when the function has returned.
TEST_P(OnEveryRuntime, GroupTakesTasksWhileItCloses) {
    run([] {
        std::atomic<int> ran{0};
        task_group([&](TaskGroup& group) {
            group.create_task([&] {
                yield_times(3);
                group.spawn([&] {
                    yield_times(3);
                    group.create_task([&] { ++ran; });
                    group.spawn([&] { ++ran; });
                    ++ran;
                });
                ++ran;
            });
        });
        EXPECT_EQ(ran.load(), 4);
    });
}

// CPython: taskgroups.TaskGroup.create_task: "is finished", "is shutting down"
// Goal: what is finished or shutting down takes no task, and says so; the function is not called.
TEST_P(OnEveryRuntime, GroupThatIsOverTakesNoTask) {
    run([] {
        std::atomic<bool> ran{false};
        std::string text;
        const std::string end = end_of([&] {
            task_group([&](TaskGroup& group) {
                group.create_task([&] {
                    try {
                        sleep_long();
                    } catch (const CancelledError&) {
                        text = end_of([&] { group.create_task([&] { ran = true; }); });
                        EXPECT_THROW(group.spawn([&] { ran = true; }), RuntimeError);
                        throw;
                    }
                });
                settle();
                throw std::runtime_error("body");
            });
        });
        EXPECT_EQ(end, "[body]");
        EXPECT_NE(text.find("shutting down"), std::string::npos) << text;

        TaskGroup group;
        text = end_of([&] { group.create_task([&] { ran = true; }); });
        EXPECT_NE(text.find("not been entered"), std::string::npos) << text;
        group.cancel();
        group.enter();
        group.create_task([] {});
        group.leave(nullptr);
        text = end_of([&] { group.create_task([&] { ran = true; }); });
        EXPECT_NE(text.find("finished"), std::string::npos) << text;
        EXPECT_THROW(group.spawn([&] { ran = true; }), RuntimeError);
        settle();
        EXPECT_FALSE(ran.load());
    });
}

// Goal: a task that could not be made, while the others ended, does not keep the group.
TEST_P(OnEveryRuntime, GroupEndsAfterATaskThatCannotBeMade) {
    run([] {
        TaskGroup* shared = nullptr;
        const Future<void> gate;
        auto parent = create_task([&] {
            task_group([&](TaskGroup& group) {
                shared = &group;
                group.create_task([&] { await(gate); });
            });
        });
        settle();
        const auto fail = [&] {
            gate.set_result();
            settle();
            EXPECT_FALSE(parent.done());
            throw std::runtime_error("moved");
        };
        EXPECT_EQ(end_of([&] { shared->create_task(ActingWhenMoved(fail)); }), "moved");
        EXPECT_EQ(end_of(parent), "ok");
    });
}

// Goal: a task that is being made when the group is cancelled is cancelled, too.
TEST_P(OnEveryRuntime, GroupCancelWhileATaskIsMade) {
    run([] {
        std::optional<Task<void>> task;
        task_group([&](TaskGroup& group) {
            task = group.create_task(ActingWhenMoved([&] { group.cancel(); }));
        });
        EXPECT_TRUE(task->cancelled());
    });
}

// Goal: there must be a task for the group to belong to.
TEST(TaskGroupTest, OutsideOfATaskIsRefused) {
    bool ran = false;
    EXPECT_THROW(task_group([&](TaskGroup&) { ran = true; }), RuntimeError);
    EXPECT_FALSE(ran);
}

// CPython: test_taskgroups.BaseTestTaskGroup.test_taskgroup_10 (parent cancelled in the body)
// Goal: cancelling the parent in the function cancels the tasks; it ends after them.
TEST_P(OnEveryRuntime, GroupIsCancelledInItsFunction) {
    run([] {
        std::atomic<int> cleaned{0};
        auto parent = create_task([&] {
            task_group([&](TaskGroup& group) {
                const auto body = [&] {
                    try {
                        sleep_long();
                    } catch (const CancelledError&) {
                        yield_times(3);
                        ++cleaned;
                        throw;
                    }
                };
                group.create_task(body);
                group.spawn(body);
                sleep_long();
            });
        });
        settle();
        parent.cancel("outside");
        EXPECT_EQ(end_of(parent), "cancelled: outside");
        EXPECT_TRUE(parent.cancelled());
        EXPECT_EQ(parent.cancelling(), 1U);
        EXPECT_EQ(cleaned.load(), 2);
    });
}

// CPython: test_taskgroups.BaseTestTaskGroup.test_taskgroup_11, _12
// Goal: the same while it closes; further cancellations change nothing.
TEST_P(OnEveryRuntime, GroupIsCancelledWhileItCloses) {
    run([] {
        const Future<void> gate;
        auto parent = create_task([&] {
            task_group([&](TaskGroup& group) {
                const auto body = [&] {
                    try {
                        sleep_long();
                    } catch (const CancelledError&) {
                        await(gate);
                        throw;
                    }
                };
                group.create_task(body);
                group.spawn(body);
            });
        });
        settle();
        parent.cancel("first");
        settle();
        EXPECT_FALSE(parent.done());
        parent.cancel("second");
        settle();
        EXPECT_FALSE(parent.done()) << "its tasks have not ended";
        gate.set_result();
        EXPECT_EQ(end_of(parent), "cancelled: first");
        EXPECT_EQ(parent.cancelling(), 2U);
    });
}

// CPython: observed; taskgroups ("re-cancel the parent task, which will keep the cancel count stable")
// Goal: errors and a cancellation from outside: the errors are thrown, the cancellation comes at the
// next suspension, and the count says how often it was asked for.
TEST_P(OnEveryRuntime, GroupWithErrorsAndACancellation) {
    run([] {
        // While it closes; with an error that comes of the cancellation; in the function.
        for (const int how : {0, 1, 2}) {
            std::string trace;
            const Future<void> gate;
            auto parent = create_task([&] {
                const std::string end = end_of([&] {
                    task_group([&](TaskGroup& group) {
                        if (how == 0) {
                            group.create_task([&] {
                                try {
                                    sleep_long();
                                } catch (const CancelledError&) {
                                    await(gate);
                                }
                            });
                            yield_times(3);
                            group.create_task(failing("error"));
                            return;
                        }
                        group.create_task(failing_when_cancelled("error"));
                        if (how == 2) {
                            sleep_long();
                        }
                    });
                });
                trace += end + " " + std::to_string(cancelling()) + " ";
                trace += end_of([] { yield(); }) + " " + std::to_string(cancelling());
            });
            settle();
            EXPECT_FALSE(parent.done());
            parent.cancel("outside");
            settle();
            gate.set_result();
            EXPECT_EQ(end_of(parent), "ok");
            EXPECT_EQ(trace, "[error] 1 cancelled 1");
        }
    });
}

// CPython: observed: the group is thrown, cancelling() 1, and again a cancellation
// Goal: a parent that was cancelled once before and has dealt with it: its count comes back.
TEST_P(OnEveryRuntime, GroupOfATaskThatWasCancelledBefore) {
    run([] {
        auto parent = create_task([] {
            EXPECT_EQ(end_of(sleep_long), "cancelled");
            task_group([](TaskGroup& group) { group.create_task([] { yield(); }); });
            EXPECT_EQ(cancelling(), 1U);
            const std::string end = end_of([] {
                task_group([](TaskGroup& group) {
                    group.create_task(failing("error"));
                    sleep_long();
                });
            });
            EXPECT_EQ(end, "[error]");
            EXPECT_EQ(cancelling(), 1U);
            EXPECT_EQ(end_of([] { yield(); }), "cancelled");
            EXPECT_EQ(cancelling(), 1U);
        });
        settle();
        parent.cancel();
        EXPECT_EQ(end_of(parent), "ok");
    });
}

// CPython: test_taskgroups.BaseTestTaskGroup.test_taskgroup_14 and on (nested); observed
// Goal: nested groups: an error of the inner one is one of the outer one, each has its own tasks,
// and the outer one's error cancels the inner one.
TEST_P(OnEveryRuntime, GroupsNest) {
    run([] {
        EXPECT_EQ(
            end_of([] {
                task_group([](TaskGroup& outer) {
                    outer.create_task(failing_when_cancelled("outer"));
                    settle();
                    task_group([](TaskGroup& inner) { inner.create_task(failing("inner")); });
                });
            }),
            "[outer [inner]]"
        );
        // Dealt with between them.
        std::string trace;
        task_group([&](TaskGroup& outer) {
            auto sibling = outer.create_task([] { yield_times(5); });
            trace += end_of([] {
                task_group([](TaskGroup& inner) {
                    inner.create_task(failing("inner"));
                    sleep_long();
                });
            });
            EXPECT_EQ(cancelling(), 0U);
            await(sibling);
        });
        EXPECT_EQ(trace, "[inner]");
        // The outer one's error cancels the inner one, whose task then fails, too.
        EXPECT_EQ(
            end_of([] {
                task_group([](TaskGroup& outer) {
                    task_group([&](TaskGroup& inner) {
                        inner.create_task(failing_when_cancelled("inner"));
                        settle();
                        outer.create_task(failing("outer"));
                        sleep_long();
                    });
                });
            }),
            "[outer [inner]]"
        );
        // Both at once.
        EXPECT_EQ(
            end_of([] {
                task_group([](TaskGroup& outer) {
                    task_group([&](TaskGroup& inner) {
                        outer.create_task(failing("outer"));
                        inner.create_task(failing("inner"));
                        sleep_long();
                    });
                });
            }),
            "[outer [inner]]"
        );
        EXPECT_EQ(cancelling(), 0U);
        yield();
        // A group in a task of a group.
        EXPECT_EQ(
            end_of([] {
                task_group([](TaskGroup& outer) {
                    outer.spawn([] {
                        task_group([](TaskGroup& inner) { inner.spawn(failing("deep", 2)); });
                    });
                    outer.create_task(sleep_long);
                });
            }),
            "[[deep]]"
        );
    });
}

// CPython: test_timeouts and test_taskgroups, gh-95289, gh-116720; observed
// Goal: a deadline around a group is a TimeoutError when the tasks have ended; with an error of a
// task it is that error.
TEST_P(OnEveryRuntime, GroupWithinATimeout) {
    run([] {
        for (const bool in_function : {true, false}) {
            std::atomic<bool> cleaned{false};
            const auto scopes = [&](auto body) {
                timeout(std::nullopt, [&](Timeout& scope) {
                    task_group([&](TaskGroup& group) {
                        group.spawn(body);
                        settle();
                        scope.reschedule(steady_clock::now());
                        if (in_function) {
                            sleep_long();
                        }
                    });
                });
            };
            const auto body = [&] {
                try {
                    sleep_long();
                } catch (const CancelledError&) {
                    yield_times(2);
                    cleaned = true;
                    throw;
                }
            };
            EXPECT_EQ(end_of([&] { scopes(body); }), "timed out");
            EXPECT_TRUE(cleaned.load());
            EXPECT_EQ(cancelling(), 0U);
            EXPECT_EQ(end_of([] { yield(); }), "ok");

            EXPECT_EQ(end_of([&] { scopes(failing_when_cancelled("error")); }), "[error]");
            EXPECT_EQ(cancelling(), 0U);
            EXPECT_EQ(end_of([] { yield(); }), "ok");
        }
    });
}

// Goal: deadlines within a group: of its function, and of a task.
TEST_P(OnEveryRuntime, TimeoutWithinAGroup) {
    run([] {
        bool ran = false;
        task_group([&](TaskGroup& group) {
            group.create_task([&] {
                yield_times(4);
                ran = true;
            });
            EXPECT_THROW(timeout(microseconds(10), sleep_long), TimeoutError);
        });
        EXPECT_TRUE(ran);
        EXPECT_EQ(
            end_of([] {
                task_group([](TaskGroup& group) {
                    group.spawn([] { timeout(microseconds(10), sleep_long); });
                    group.create_task(sleep_long);
                    timeout(hours(1), sleep_long);
                });
            }),
            "[timed out]"
        );
        EXPECT_EQ(cancelling(), 0U);
        yield();
    });
}

// CPython: TaskGroup.cancel of 3.15
// Goal: cancel() ends the scope early, with its tasks and its function, and without an error.
TEST_P(OnEveryRuntime, GroupCancel) {
    run([] {
        std::string trace;
        std::optional<Task<void>> task;
        task_group([&](TaskGroup& group) {
            task = group.create_task(sleep_long);
            group.spawn(sleep_long);
            settle();
            group.cancel();
            group.cancel();
            EXPECT_EQ(cancelling(), 1U) << "once";
            EXPECT_THROW(group.create_task([] {}), RuntimeError);
            trace += "asked ";
            sleep_long();
            trace += "went on ";
        });
        EXPECT_EQ(trace, "asked ");
        EXPECT_TRUE(task->cancelled());
        EXPECT_EQ(cancelling(), 0U);
        EXPECT_EQ(end_of([] { yield(); }), "ok");

        // The function returns before it hears of it.
        task_group([](TaskGroup& group) {
            group.create_task(sleep_long);
            group.cancel();
        });
        EXPECT_EQ(end_of([] { yield(); }), "ok");
        task_group([](TaskGroup& group) { group.cancel(); });
        EXPECT_EQ(cancelling(), 0U);
        EXPECT_EQ(end_of([] { yield(); }), "ok");

        // By a task, in the function and while it closes.
        for (const bool in_function : {true, false}) {
            task_group([&](TaskGroup& group) {
                group.create_task(sleep_long);
                group.spawn([&] {
                    yield_times(3);
                    group.cancel();
                    group.cancel();
                    sleep_long();
                });
                if (in_function) {
                    sleep_long();
                }
            });
            EXPECT_EQ(cancelling(), 0U);
            EXPECT_EQ(end_of([] { yield(); }), "ok");
        }
    });
}

// Goal: by another loop's task, and by a plain thread.
TEST_P(OnEveryRuntime, GroupCancelFromElsewhere) {
    Runtime runtime(options());
    runtime.run([&] {
        for (int from = 0; from <= runtime.workers(); ++from) {
            std::thread thread;
            task_group([&](TaskGroup& group) {
                group.create_task(sleep_long);
                group.spawn(sleep_long);
                if (from == runtime.workers()) {
                    thread = std::thread([&group] { group.cancel(); });
                } else {
                    runtime.loop(from).create_task([&group] { group.cancel(); });
                }
                sleep_long();
            });
            if (thread.joinable()) {
                thread.join();
            }
            EXPECT_EQ(cancelling(), 0U);
            EXPECT_EQ(end_of([] { yield(); }), "ok");
        }
    });
}

// CPython: TaskGroup.cancel of 3.15
// Goal: errors are not hidden by cancel().
TEST_P(OnEveryRuntime, GroupCancelWithErrors) {
    run([] {
        EXPECT_EQ(
            end_of([] {
                task_group([](TaskGroup& group) {
                    group.create_task(failing_when_cancelled("task"));
                    settle();
                    group.cancel();
                    sleep_long();
                });
            }),
            "[task]"
        );
        EXPECT_EQ(
            end_of([] {
                task_group([](TaskGroup& group) {
                    group.cancel();
                    throw std::runtime_error("body");
                });
            }),
            "[body]"
        );
        EXPECT_EQ(cancelling(), 0U);
        EXPECT_EQ(end_of([] { yield(); }), "ok");
    });
}

// Goal: cancel() is too late where the last task has ended, though the parent has not gone on yet.
TEST_P(OnEveryRuntime, GroupCancelAfterItsLastTask) {
    run([] {
        auto parent = create_task([] {
            EXPECT_EQ(end_of(sleep_long), "cancelled");  // so that one more would be noticed
            bool called = false;
            task_group([&](TaskGroup& group) {
                auto last = group.create_task([] { yield(); });
                last.add_done_callback([&](const auto&) {
                    group.cancel();
                    called = true;
                });
            });
            EXPECT_TRUE(called);
            EXPECT_EQ(cancelling(), 1U);
            EXPECT_EQ(end_of([] { yield(); }), "ok");
        });
        settle();
        parent.cancel();
        EXPECT_EQ(end_of(parent), "ok");
    });
}

// CPython: gh-155433 (cancel() swallowed a cancellation from outside)
// Goal: a cancellation from outside is not lost to cancel(), before it, with it and after it.
TEST_P(OnEveryRuntime, GroupCancelAndACancellationFromOutside) {
    run([] {
        // In the function: cancel() first, the other before anybody goes on; and the other way.
        for (const bool group_first : {true, false}) {
            TaskGroup* shared = nullptr;
            auto parent = create_task([&] {
                task_group([&](TaskGroup& group) {
                    shared = &group;
                    group.create_task(sleep_long);
                    sleep_long();
                });
            });
            settle();
            if (group_first) {
                shared->cancel();
                parent.cancel("outside");
            } else {
                parent.cancel("outside");
                shared->cancel();
            }
            const std::string end = end_of(parent);
            EXPECT_TRUE(starts_with(end, "cancelled")) << end;
            EXPECT_TRUE(parent.cancelled());
            EXPECT_EQ(parent.cancelling(), 1U);
        }
    });
}

// CPython: gh-155433, the fix: pending_cancellation_error
// Goal: the same while it closes.
TEST_P(OnEveryRuntime, GroupCancelAndACancellationFromOutsideWhileItCloses) {
    run([] {
        for (const bool returned_first : {true, false}) {
            TaskGroup* shared = nullptr;
            const Future<void> gate;
            auto parent = create_task([&] {
                task_group([&](TaskGroup& group) {
                    shared = &group;
                    group.create_task([&] {
                        try {
                            sleep_long();
                        } catch (const CancelledError&) {
                            await(gate);
                        }
                    });
                    yield_times(3);  // it has begun
                    if (!returned_first) {
                        group.cancel();
                    }
                });
            });
            settle();
            if (returned_first) {
                shared->cancel();
                settle();
            }
            EXPECT_FALSE(parent.done());
            parent.cancel("outside");
            settle();
            EXPECT_FALSE(parent.done());
            gate.set_result();
            EXPECT_EQ(end_of(parent), "cancelled: outside");
            EXPECT_EQ(parent.cancelling(), 1U);
        }
    });
}

// CPython: gh-155433 with a timeout
// Goal: a deadline around the group is not lost to cancel() either.
TEST_P(OnEveryRuntime, GroupCancelWithinATimeout) {
    run([] {
        const auto scopes = [] {
            timeout(std::nullopt, [](Timeout& scope) {
                task_group([&](TaskGroup& group) {
                    group.create_task([] {
                        try {
                            sleep_long();
                        } catch (const CancelledError&) {
                            yield_times(20);  // past the deadline
                        }
                    });
                    settle();
                    group.cancel();
                    scope.reschedule(steady_clock::now());
                });
            });
        };
        EXPECT_EQ(end_of(scopes), "timed out");
        EXPECT_EQ(cancelling(), 0U);
        EXPECT_EQ(end_of([] { yield(); }), "ok");
    });
}

// Goal: cancel() of an inner group leaves the outer one alone; of the outer one ends both.
TEST_P(OnEveryRuntime, GroupCancelNested) {
    run([] {
        std::string trace;
        task_group([&](TaskGroup& outer) {
            auto sibling = outer.create_task([] { yield_times(3); });
            task_group([](TaskGroup& inner) {
                inner.create_task(sleep_long);
                inner.cancel();
                sleep_long();
            });
            await(sibling);
            trace += "inner ";
            task_group([&](TaskGroup& inner) {
                inner.create_task(sleep_long);
                outer.cancel();
                sleep_long();
            });
            trace += "went on ";
        });
        EXPECT_EQ(trace, "inner ");
        EXPECT_EQ(cancelling(), 0U);
        EXPECT_EQ(end_of([] { yield(); }), "ok");
    });
}

// Goal: errors of a group are reported to nobody else, and what its tasks held is destroyed.
TEST_P(OnEveryRuntime, GroupLeavesNothingBehind) {
    const LogCapture log;
    Counted::Count alive{0};
    run([&] {
        const std::string end = end_of([&] {
            task_group([&](TaskGroup& group) {
                for (int i = 0; i < 10; ++i) {
                    group.spawn([held = Counted(alive)] { throw std::runtime_error("counted"); });
                    group.create_task([held = Counted(alive)] { sleep_long(); });
                }
            });
        });
        EXPECT_TRUE(starts_with(end, "[counted")) << end;
    });
    EXPECT_EQ(alive.load(), 0);
    EXPECT_EQ(log.count("retrieved"), 0);
}

// Goal: a runtime that ends cancels parents and tasks; groups end after their tasks, and none hangs.
TEST_P(OnEveryRuntime, GroupAtTheEndOfTheRuntime) {
    std::vector<Task<void>> parents;
    std::atomic<int> alive{0};
    run([&] {
        for (int i = 0; i < 10; ++i) {
            const auto body = [&, i] {
                task_group([&](TaskGroup& group) {
                    const auto child = [&] {
                        ++alive;
                        static_cast<void>(end_of(sleep_long));
                        static_cast<void>(end_of([] { yield_times(3); }));
                        --alive;
                    };
                    group.create_task(child);
                    group.spawn(child);
                    if (i % 3 == 0) {
                        sleep_long();
                    }
                });
                EXPECT_TRUE(false) << "it was not cancelled";
            };
            parents.push_back(i % 2 == 0 ? create_task(body) : spawn(body));
        }
        yield_times(3);
    });
    EXPECT_EQ(alive.load(), 0);
    for (const auto& parent : parents) {
        EXPECT_TRUE(parent.cancelled());
    }
}

// Goal: a stealable parent with tasks of both kinds, that adds from every loop it comes to.
TEST_P(OnEveryRuntime, GroupOfAParentThatMoves) {
    run([] {
        std::vector<Task<void>> parents;
        for (int i = 0; i < 8; ++i) {
            parents.push_back(spawn([i] {
                for (int round = 0; round < scaled(50); ++round) {
                    std::atomic<int> ran{0};
                    task_group([&](TaskGroup& group) {
                        for (int k = 0; k < 6; ++k) {
                            const auto body = [&, k] {
                                yield_times(k % 3);
                                ++ran;
                            };
                            k % 2 == 0 ? group.create_task(body) : group.spawn(body);
                            yield();
                        }
                    });
                    EXPECT_EQ(ran.load(), 6);
                    const std::string end = end_of([&] {
                        task_group([&](TaskGroup& group) {
                            group.create_task(failing("pinned", i % 3));
                            group.spawn(failing("stealable", round % 3));
                            group.spawn(sleep_long);
                            sleep_long();
                        });
                    });
                    EXPECT_NE(end.find_first_of("ps"), std::string::npos) << end;
                    EXPECT_EQ(cancelling(), 0U);
                }
            }));
        }
        for (const auto& parent : parents) {
            EXPECT_EQ(end_of(parent), "ok");
        }
    });
}

// Goal: tasks are added by many tasks at once while others fail: each is either refused, or run and
// waited for.
TEST_P(OnEveryRuntime, GroupAddStorm) {
    Counted::Count alive{0};
    run([&] {
        for (int round = 0; round < scaled(300); ++round) {
            std::atomic<int> running{0};
            const std::string end = end_of([&] {
                task_group([&](TaskGroup& group) {
                    const auto added = [&running, held = Counted(alive)] {
                        ++running;
                        static_cast<void>(end_of([] { yield(); }));
                        --running;
                    };
                    const auto adder = [&group, added] {
                        for (int i = 0; i < 8; ++i) {
                            try {
                                i % 2 == 0 ? group.spawn(added) : group.create_task(added);
                            } catch (const RuntimeError&) {
                            }
                            yield();
                        }
                    };
                    for (int i = 0; i < 4; ++i) {
                        i % 2 == 0 ? group.spawn(adder) : group.create_task(adder);
                    }
                    if (round % 2 == 0) {
                        group.spawn(failing("failed", round % 5));
                    } else {
                        yield_times(round % 7);
                        group.cancel();
                    }
                });
            });
            EXPECT_EQ(end, round % 2 == 0 ? "[failed]" : "ok");
            EXPECT_EQ(running.load(), 0) << "a task outlives its group";
            EXPECT_EQ(cancelling(), 0U);
        }
    });
    EXPECT_EQ(alive.load(), 0);
}

/// Tasks of all loops end, fail and are cancelled while the parent is cancelled from outside, and
/// while the group cancels itself, if `early_exit`.
void group_storm(Runtime& runtime, bool early_exit) {
    runtime.run([&] {
        auto random = random_engine();
        for (int round = 0; round < scaled(3000); ++round) {
            const int fail_every = static_cast<int>(random() % 4);  // 0: none
            const bool in_function = random() % 2 == 0;
            std::vector<int> turns;
            for (int i = 0; i < 6; ++i) {
                turns.push_back(static_cast<int>(random() % 6));
            }
            std::atomic<int> alive{0};
            std::atomic<int> errors{0};
            std::atomic<int> requests{0};
            const auto body = [&] {
                const std::string end = end_of([&] {
                    try {
                        task_group([&](TaskGroup& group) {
                            for (int i = 0; i < 6; ++i) {
                                const bool fails = fail_every != 0 && i % 3 == fail_every - 1;
                                const auto child = [&, i, fails] {
                                    alive.fetch_add(1);
                                    try {
                                        yield_times(turns[static_cast<std::size_t>(i)]);
                                    } catch (const CancelledError&) {
                                        alive.fetch_sub(1);
                                        throw;
                                    }
                                    alive.fetch_sub(1);
                                    if (fails) {
                                        errors.fetch_add(1);
                                        throw std::runtime_error("child");
                                    }
                                };
                                i % 2 == 0 ? group.spawn(child) : group.create_task(child);
                            }
                            if (early_exit) {
                                yield();
                                group.cancel();
                            }
                            if (in_function) {
                                yield_times(4);
                            }
                        });
                    } catch (const ExceptionGroup& group) {
                        EXPECT_EQ(
                            group.exceptions().size(), static_cast<std::size_t>(errors.load())
                        );
                        EXPECT_GT(errors.load(), 0);
                        EXPECT_EQ(alive.load(), 0);
                        throw;
                    }
                    EXPECT_EQ(errors.load(), 0) << "an error is lost";
                });
                EXPECT_EQ(alive.load(), 0) << "a task outlives its group";
                EXPECT_LE(cancelling(), static_cast<std::uint32_t>(requests.load()));
                if (end == "ok") {
                    EXPECT_EQ(errors.load(), 0);
                } else if (starts_with(end, "cancelled")) {
                    EXPECT_EQ(requests.load(), 1) << "nobody outside has cancelled it";
                    EXPECT_EQ(cancelling(), 1U);
                    throw CancelledError();
                }
                yield();  // where a cancellation that the errors have beaten comes
            };
            auto parent = round % 2 == 0
                              ? spawn(body)
                              : runtime.loop(round / 2 % runtime.workers()).create_task(body);
            yield_times(static_cast<int>(random() % 8));
            const bool cancelled = random() % 2 == 0;
            bool in_time = false;
            if (cancelled) {
                requests = 1;
                in_time = parent.cancel();
            }
            const std::string end = end_of(parent);
            EXPECT_EQ(end, in_time ? "cancelled" : "ok");
        }
    });
}

// Goal: there is one outcome, no task outlives its group, every error is in it, no cancellation is
// lost, and the count is what those outside have asked for.
TEST_P(OnEveryRuntime, GroupStorm) {
    Runtime runtime(options());
    group_storm(runtime, false);
}
TEST_P(OnEveryRuntime, GroupCancelStorm) {
    Runtime runtime(options());
    group_storm(runtime, true);
}

}  // namespace
}  // namespace weft::test
