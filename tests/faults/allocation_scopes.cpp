#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>
#include <weft/as_completed.hpp>
#include <weft/event.hpp>
#include <weft/gather.hpp>
#include <weft/shield_scope.hpp>
#include <weft/sleep.hpp>
#include <weft/staggered.hpp>
#include <weft/task.hpp>
#include <weft/task_group.hpp>
#include <weft/timeout.hpp>
#include <weft/wait.hpp>

#include "allocation_scenario.hpp"

namespace weft::test {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;

constexpr int kTimes = 4;

/// Longer than what a string holds in itself.
std::string fetch(int number) {
    yield();
    return "what was fetched of number " + std::to_string(number);
}

[[noreturn]] void fail_soon() {
    yield();
    throw PlannedError();
}

/// An error that a scenario has got: its own, or one of memory.
void expect_planned(const std::exception_ptr& error) {
    try {
        if (error != nullptr) {
            std::rethrow_exception(error);
        }
    } catch (const PlannedError&) {
    } catch (const CancelledError&) {
    } catch (const std::bad_alloc&) {
    }
}

std::vector<Task<std::string>> several(int count) {
    std::vector<Task<std::string>> tasks;
    for (int i = 0; i < count; ++i) {
        const auto body = [i] { return fetch(i); };
        tasks.push_back(i % 2 == 0 ? create_task(body) : spawn(body));
    }
    return tasks;
}

/// What the group holds apart from missing memory: how many planned errors.
int planned_errors(const ExceptionGroup& group) {
    int planned = 0;
    for (const std::exception_ptr& error : group.exceptions()) {
        try {
            std::rethrow_exception(error);
        } catch (const PlannedError&) {
            ++planned;
        } catch (const std::bad_alloc&) {
        }
    }
    return planned;
}

// --- gather -----------------------------------------------------------------------------------

void gather_results(Trial& trial) {
    trial.act([] {
        for (int i = 0; i < kTimes; ++i) {
            const auto [first, second, third] = await(gather(
                spawn([] { return fetch(1); }),
                create_task([] { return fetch(2); }),
                [] { yield(); }
            ));
            if (first.empty() || second.empty()) {
                Trial::note("a result is missing", {});
            }
        }
    });
}

void gather_many(Trial& trial) {
    trial.act([] {
        for (int i = 0; i < kTimes; ++i) {
            if (await(gather(several(6))).size() != 6) {
                Trial::note("a result is missing", {});
            }
        }
    });
}

void gather_outcomes(Trial& trial) {
    trial.act([] {
        for (int i = 0; i < kTimes; ++i) {
            auto outcomes =
                await(gather(return_exceptions, create_task(&fail_soon), spawn([] { return 1; })));
            if (std::get<0>(outcomes).has_value()) {
                Trial::note("an error is missing", {});
            }
            expect_planned(std::get<0>(outcomes).error());
        }
    });
}

void gather_an_error(Trial& trial) {
    trial.act([] {
        for (int i = 0; i < kTimes; ++i) {
            auto others = several(3);
            try {
                await(gather(create_task(&fail_soon), gather(others)));
                Trial::note("an error is missing", {});
            } catch (const PlannedError&) {
            }
            for (const auto& other : others) {
                other.wait();
            }
        }
    });
}

void cancel_a_gather(Trial& trial) {
    std::atomic<int> ended{0};
    std::atomic<int> begun{0};
    trial.act([&] {
        const auto body = [&] {
            begun.fetch_add(1);
            try {
                sleep(hours(1));
            } catch (...) {  // without memory it does not sleep
                ended.fetch_add(1);
                throw;
            }
        };
        for (int i = 0; i < kTimes; ++i) {
            auto outer = create_task([&] { await(gather(create_task(body), spawn(body))); });
            yield();
            yield();
            outer.cancel("message of a cancellation that is long");
            try {
                await(outer);
            } catch (const CancelledError&) {
            }
        }
    });
    trial.expect(ended == begun, "a child was not cancelled");
}

// --- wait and as_completed --------------------------------------------------------------------

void wait_for_all(Trial& trial) {
    trial.act([] {
        for (int i = 0; i < kTimes; ++i) {
            const auto [done, pending] = wait(several(5));
            if (done.size() != 5 || !pending.empty()) {
                Trial::note("wait() returned early", {});
            }
        }
    });
}

void wait_for_the_first(Trial& trial) {
    Event never;
    trial.act([&never] {
        for (int i = 0; i < kTimes; ++i) {
            std::vector<Task<void>> tasks;
            tasks.push_back(create_task([&never] { never.wait(); }));
            tasks.push_back(spawn([] { yield(); }));
            const auto result = wait(tasks, std::nullopt, ReturnWhen::FirstCompleted);
            if (result.done.size() != 1 || result.pending.size() != 1) {
                Trial::note("wait() returned late or early", {});
            }
            result.pending.at(0).cancel();
            result.pending.at(0).wait();
        }
    });
}

void wait_for_an_error(Trial& trial) {
    Event never;
    trial.act([&never] {
        for (int i = 0; i < kTimes; ++i) {
            std::vector<Task<void>> tasks;
            tasks.push_back(create_task([&never] { never.wait(); }));
            tasks.push_back(create_task([] { yield(); }));
            tasks.push_back(spawn([] { fail_soon(); }));
            const auto result = wait(tasks, std::nullopt, ReturnWhen::FirstException);
            tasks[0].cancel();
            tasks[0].wait();
            if (result.pending.empty()) {
                Trial::note("wait() did not see the error", {});
            }
        }
    });
}

void wait_too_long(Trial& trial) {
    trial.act([] {
        for (int i = 0; i < kTimes; ++i) {
            std::vector<Task<void>> tasks;
            tasks.push_back(create_task([] { sleep(hours(1)); }));
            tasks.push_back(spawn([] {}));
            const auto result = wait(tasks, microseconds(100));
            tasks[0].cancel();
            tasks[0].wait();
            tasks[1].wait();
        }
    });
}

void go_through_completed(Trial& trial) {
    trial.act([] {
        for (int i = 0; i < kTimes; ++i) {
            int count = 0;
            for (const auto& task : as_completed(several(5))) {
                count += await(task).empty() ? 0 : 1;
            }
            if (count != 5) {
                Trial::note("one did not come", {});
            }
        }
    });
}

void go_through_too_slowly(Trial& trial) {
    trial.act([] {
        for (int i = 0; i < kTimes; ++i) {
            std::vector<Task<void>> tasks;
            tasks.push_back(create_task([] { sleep(hours(1)); }));
            tasks.push_back(spawn([] { yield(); }));
            auto range = as_completed(tasks, microseconds(200));
            try {
                while (range.next()) {
                }
                if (!tasks[0].done()) {
                    Trial::note("TimeoutError is missing", {});
                }
            } catch (const TimeoutError&) {
            }
            tasks[0].cancel();
            tasks[0].wait();
            tasks[1].wait();
        }
    });
}

// --- races and shields ------------------------------------------------------------------------

void race(Trial& trial) {
    std::atomic<int> running{0};
    trial.act([&running] {
        struct Running {
            std::atomic<int>& count;
            explicit Running(std::atomic<int>& all) : count(all) { count.fetch_add(1); }
            ~Running() { count.fetch_sub(1); }
        };
        for (int i = 0; i < kTimes; ++i) {
            const std::vector<std::function<std::string()>> runners{
                [&running] {
                    const Running self(running);
                    sleep(std::chrono::milliseconds(2));  // it wins where the others cannot
                    return std::string("the slow one");
                },
                [&running] {
                    const Running self(running);
                    fail_soon();
                    return std::string();
                },
                [&running] {
                    const Running self(running);
                    return fetch(3);
                }};
            const auto result = staggered_race(runners, microseconds(20));
            if (running != 0) {
                Trial::note("a runner was left", {});
            }
            if (!result.winner) {
                for (const std::exception_ptr& error : result.exceptions) {
                    expect_planned(error);
                }
            }
        }
    });
    trial.expect(running == 0, "a runner was left");
}

void race_in_vain(Trial& trial) {
    trial.act([] {
        for (int i = 0; i < kTimes; ++i) {
            const std::vector<std::function<void()>> runners{&fail_soon, &fail_soon, &fail_soon};
            const auto result = staggered_race(runners, std::nullopt);
            if (result.winner) {
                Trial::note("a runner that failed has won", {});
            }
        }
    });
}

void shield_a_task(Trial& trial) {
    trial.act([] {
        for (int i = 0; i < kTimes; ++i) {
            if (await(shield(create_task([] { return fetch(1); }))).empty()) {
                Trial::note("a result is missing", {});
            }
        }
    });
}

void cancel_a_shield(Trial& trial) {
    int finished = 0;
    int made = 0;
    trial.act([&] {
        for (int i = 0; i < kTimes; ++i) {
            auto inner = create_task([&finished] {
                const std::string text = fetch(1);
                yield();
                ++finished;
            });
            ++made;
            auto outer = create_task([inner] { await(shield(inner)); });
            yield();
            outer.cancel();
            outer.wait();
            inner.wait();
            if (inner.cancelled()) {
                Trial::note("the cancellation went through the shield", {});
            }
        }
    });
    trial.expect(trial.failed() || finished <= made, "it ran twice");
}

void shield_a_scope(Trial& trial) {
    int begun = 0;
    int finished = 0;
    trial.act([&] {
        for (int i = 0; i < kTimes; ++i) {
            auto task = create_task([&] {
                shield_scope([&] {
                    ++begun;
                    yield();
                    yield();
                    ++finished;
                    return std::string("a result that is longer than a string");
                });
            });
            yield();
            yield();
            task.cancel();
            try {
                await(task);
            } catch (const CancelledError&) {
            }
        }
    });
    trial.expect(finished == begun, "a shielded scope was cut");
}

// --- deadlines --------------------------------------------------------------------------------

void end_in_time(Trial& trial) {
    trial.act([] {
        for (int i = 0; i < 2 * kTimes; ++i) {
            if (timeout(hours(1), [] { return fetch(1); }).empty()) {
                Trial::note("a result is missing", {});
            }
        }
    });
    trial.expect(current_task().cancelling() == 0, "a cancellation was left");
}

void end_late(Trial& trial) {
    trial.act([] {
        for (int i = 0; i < 2 * kTimes; ++i) {
            try {
                timeout(microseconds(50), [] { sleep(hours(1)); });
                Trial::note("TimeoutError is missing", {});
            } catch (const TimeoutError&) {
            }
        }
    });
    trial.expect(current_task().cancelling() == 0, "a cancellation was left");
}

void nest_deadlines(Trial& trial) {
    trial.act([] {
        for (int i = 0; i < kTimes; ++i) {
            timeout(hours(1), [](Timeout& outer) {
                try {
                    timeout(hours(2), [](Timeout& inner) {
                        inner.reschedule(get_running_loop().time());
                        sleep(hours(1));
                    });
                    Trial::note("TimeoutError is missing", {});
                } catch (const TimeoutError&) {
                }
                outer.reschedule(std::nullopt);
                outer.reschedule(get_running_loop().time() + hours(2));
                yield();
            });
        }
    });
    trial.expect(current_task().cancelling() == 0, "a cancellation was left");
}

void move_on(Trial& trial) {
    trial.act([] {
        for (int i = 0; i < 2 * kTimes; ++i) {
            if (move_on_after(microseconds(50), [] { sleep(hours(1)); }) ||
                !move_on_after(hours(1), [] { yield(); })) {
                Trial::note("move_on_after() is wrong about the time", {});
            }
        }
    });
    trial.expect(current_task().cancelling() == 0, "a cancellation was left");
}

void wait_for_a_task(Trial& trial) {
    trial.act([] {
        for (int i = 0; i < 2 * kTimes; ++i) {
            if (wait_for(spawn([] { return fetch(1); }), hours(1)).empty() ||
                wait_for([] { return fetch(2); }, hours(1)).empty()) {
                Trial::note("a result is missing", {});
            }
        }
    });
}

void wait_in_vain(Trial& trial) {
    std::atomic<int> begun{0};
    std::atomic<int> ended{0};
    trial.act([&] {
        for (int i = 0; i < kTimes; ++i) {
            for (const auto time : {microseconds(50), microseconds(0)}) {
                auto task = create_task([&] {
                    begun.fetch_add(1);
                    try {
                        sleep(hours(1));
                    } catch (...) {
                        ended.fetch_add(1);
                        throw;
                    }
                });
                yield();
                try {
                    wait_for(task, time);
                    Trial::note("TimeoutError is missing", {});
                } catch (const TimeoutError&) {
                }
                if (!task.done()) {
                    Trial::note("wait_for() did not wait for what it cancelled", {});
                }
            }
        }
    });
    trial.expect(ended == begun, "a task was not cancelled");
}

// --- groups -----------------------------------------------------------------------------------

/// How many of a group's tasks run; none when it has been left.
class Members {
public:
    class Member {
    public:
        explicit Member(Members& all) : all_(all) { all_.count_.fetch_add(1); }
        Member(const Member&) = delete;
        Member& operator=(const Member&) = delete;
        ~Member() { all_.count_.fetch_sub(1); }

    private:
        Members& all_;
    };

    void expect_none() const {
        if (count_ != 0) {
            Trial::note("a task of the group outlived it", {});
        }
    }

private:
    std::atomic<int> count_{0};
};

void group_tasks(Trial& trial) {
    Members members;
    std::atomic<int> ran{0};
    trial.act([&] {
        for (int i = 0; i < kTimes; ++i) {
            ran = 0;
            try {
                task_group([&](TaskGroup& group) {
                    for (int j = 0; j < 5; ++j) {
                        const auto body = [&] {
                            const Members::Member self(members);
                            ran.fetch_add(fetch(1).empty() ? 0 : 1);
                        };
                        j % 2 == 0 ? group.create_task(body) : group.spawn(body);
                    }
                });
            } catch (...) {
                members.expect_none();
                throw;
            }
            members.expect_none();
            if (ran != 5) {
                Trial::note("the group has ended without an error, but a task has not", {});
            }
        }
    });
}

void group_an_error(Trial& trial) {
    Members members;
    trial.act([&members] {
        for (int i = 0; i < kTimes; ++i) {
            try {
                task_group([&](TaskGroup& group) {
                    for (int j = 0; j < 3; ++j) {
                        group.spawn([&members] {
                            const Members::Member self(members);
                            sleep(hours(1));
                        });
                    }
                    group.create_task(&fail_soon);
                });
                Trial::note("the error of a task is missing", {});
            } catch (const ExceptionGroup& errors) {
                if (planned_errors(errors) == 0) {
                    members.expect_none();
                    throw;
                }
            } catch (...) {
                members.expect_none();
                throw;
            }
            members.expect_none();
        }
    });
    trial.expect(current_task().cancelling() == 0, "a cancellation was left");
}

void group_after_an_error(Trial& trial) {
    Members members;
    trial.act([&members] {
        for (int i = 0; i < kTimes; ++i) {
            bool refused = false;
            try {
                task_group([&](TaskGroup& group) {
                    group.create_task(&fail_soon);
                    try {
                        sleep(hours(1));
                    } catch (const CancelledError&) {
                    }
                    try {
                        group.create_task([&members] { const Members::Member self(members); });
                    } catch (const RuntimeError&) {
                        refused = true;
                    }
                });
                Trial::note("the error of a task is missing", {});
            } catch (const ExceptionGroup& errors) {
                if (planned_errors(errors) == 0) {
                    throw;
                }
                if (!refused && errors.exceptions().size() == 1) {
                    Trial::note("a group that shuts down took a task", {});
                }
            }
            members.expect_none();
        }
    });
    trial.expect(current_task().cancelling() == 0, "a cancellation was left");
}

void cancel_a_group(Trial& trial) {
    Members members;
    trial.act([&members] {
        for (int i = 0; i < kTimes; ++i) {
            task_group([&members](TaskGroup& group) {
                for (int j = 0; j < 3; ++j) {
                    group.create_task([&members] {
                        const Members::Member self(members);
                        sleep(hours(1));
                    });
                }
                yield();
                group.cancel();
            });
            members.expect_none();
        }
    });
    trial.expect(current_task().cancelling() == 0, "a cancellation was left");
}

void cancel_from_outside(Trial& trial) {
    Members members;
    trial.act([&members] {
        for (int i = 0; i < kTimes; ++i) {
            auto task = create_task([&members] {
                try {
                    task_group([&members](TaskGroup& group) {
                        for (int j = 0; j < 3; ++j) {
                            group.spawn([&members] {
                                const Members::Member self(members);
                                sleep(hours(1));
                            });
                        }
                    });
                } catch (...) {
                    members.expect_none();
                    throw;
                }
            });
            yield();
            yield();
            task.cancel();
            try {
                await(task);
            } catch (const CancelledError&) {
            }
        }
    });
}

void nest_groups(Trial& trial) {
    Members members;
    trial.act([&members] {
        for (int i = 0; i < kTimes; ++i) {
            try {
                task_group([&members](TaskGroup& outer) {
                    for (int j = 0; j < 2; ++j) {
                        outer.spawn([&members] {
                            const Members::Member self(members);
                            task_group([&members](TaskGroup& inner) {
                                for (int k = 0; k < 2; ++k) {
                                    inner.spawn([&members] {
                                        const Members::Member leaf(members);
                                        static_cast<void>(fetch(1));
                                    });
                                }
                            });
                        });
                    }
                });
            } catch (...) {
                members.expect_none();
                throw;
            }
            members.expect_none();
        }
    });
}

}  // namespace

Scenarios scope_scenarios() {
    return {
        {"gather", &gather_results},
        {"gather_vector", &gather_many},
        {"gather_return_exceptions", &gather_outcomes},
        {"gather_error", &gather_an_error},
        {"gather_cancel", &cancel_a_gather},
        {"wait_all", &wait_for_all},
        {"wait_first_completed", &wait_for_the_first},
        {"wait_first_exception", &wait_for_an_error},
        {"wait_timeout", &wait_too_long},
        {"as_completed", &go_through_completed},
        {"as_completed_timeout", &go_through_too_slowly},
        {"staggered_race", &race},
        {"staggered_race_in_vain", &race_in_vain},
        {"shield", &shield_a_task},
        {"shield_cancel", &cancel_a_shield},
        {"shield_scope", &shield_a_scope},
        {"timeout", &end_in_time},
        {"timeout_late", &end_late},
        {"timeout_nested", &nest_deadlines},
        {"move_on_after", &move_on},
        {"wait_for", &wait_for_a_task},
        {"wait_for_late", &wait_in_vain},
        {"task_group", &group_tasks},
        {"task_group_error", &group_an_error},
        {"task_group_late_task", &group_after_an_error},
        {"task_group_cancel", &cancel_a_group},
        {"task_group_cancelled", &cancel_from_outside},
        {"task_group_nested", &nest_groups},
    };
}

}  // namespace weft::test
