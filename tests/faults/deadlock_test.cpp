#include "faults/deadlock.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
#include <thread>
#include <vector>
#include <weft/as_completed.hpp>
#include <weft/barrier.hpp>
#include <weft/condition.hpp>
#include <weft/event.hpp>
#include <weft/executor.hpp>
#include <weft/gather.hpp>
#include <weft/lock.hpp>
#include <weft/queue.hpp>
#include <weft/semaphore.hpp>
#include <weft/shield_scope.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>
#include <weft/task_group.hpp>
#include <weft/timeout.hpp>
#include <weft/wait.hpp>

#include "support/runtime_fixture.hpp"

// Goal: tasks that wait for one another and for nothing else are named, with what each waits for and
// whom.

namespace weft::test {
namespace {

using namespace std::chrono_literals;

struct DeadlockShape {
    const char* name;
    int workers;
    void (*run)();
    std::vector<std::string> said;  ///< regular expressions
};
void PrintTo(const DeadlockShape& shape, std::ostream* out) {
    *out << shape.name;
}

/// Has a lock while `wait_for` waits for a task that wants it.
template <class F>
void await_one_that_wants_it(F wait_for) {
    const auto lock =
        std::make_shared<Lock>();  // the task may come to it when this has been cancelled
    const std::scoped_lock own(*lock);
    wait_for(create_task([lock] { const std::scoped_lock held(*lock); }, "inner"));
}

const std::vector<DeadlockShape>& shapes() {
    static const std::vector<DeadlockShape> kShapes = {
        {"two_locks",
         1,
         [] {
             take_crosswise([](TaskGroup& group, const char* name, auto function) {
                 group.create_task(function, name);
             });
         },
         {"these wait for one another:\n.*'left' spawned at deadlock_test.cpp:[0-9]+ waits: "
          "Lock.acquire @0x[0-9a-f]+, for task 'right'\n.*'right' spawned at "
          "deadlock_test.cpp:[0-9]+ waits: Lock.acquire @0x[0-9a-f]+, for task 'left'\n",
          "3 tasks:\n    main  pinned to loop 0  waiting: TaskGroup @.* for task 'left' and task "
          "'right'"}},
        {"two_locks_of_stealable_tasks",
         3,
         [] {
             take_crosswise([](TaskGroup& group, const char* name, auto function) {
                 group.spawn(function, name);
             });
         },
         {"'(left|right)' .* waits: Lock.acquire @.*, for task '(right|left)'\n.*waits: "
          "Lock.acquire @"}},
        {"two_locks_of_two_loops",
         3,
         [] {
             Lock one;
             Lock other;
             Barrier both(2);
             const auto take = [&both](Lock& first, Lock& second) {
                 const std::scoped_lock outer(first);
                 both.wait();
                 const std::scoped_lock inner(second);
             };
             Runtime& runtime = get_running_loop().runtime();
             const auto left = runtime.loop(1).create_task([&] { take(one, other); }, "left");
             const auto right = runtime.loop(2).create_task([&] { take(other, one); }, "right");
             try {
                 await(gather(std::vector{left, right}));
             } catch (const CancelledError&) {  // of the first of them; the other uses the locks yet
                 shield_scope([&] { wait(std::vector{left, right}); });
                 throw;
             }
         },
         {"'left' .* waits: Lock.acquire @.*, for task 'right'\n",
          "main  pinned to loop 0  waiting: future @.* for task 'left' and task 'right'"}},
        {"lock_taken_twice",
         1,
         [] {
             Lock lock;
             const std::scoped_lock outer(lock);
             const std::scoped_lock inner(lock);
         },
         {"these wait for one another:\n    task 'main' spawned at .*waits: Lock.acquire @.*, for "
          "itself\n  1 tasks"}},
        {"ring_of_three",
         3,
         [] {
             Lock locks[3];
             Barrier all(3);
             task_group([&](TaskGroup& group) {
                 for (int i = 0; i < 3; ++i) {
                     group.spawn(
                         [&, i] {
                             const std::scoped_lock own(locks[i]);
                             all.wait();
                             const std::scoped_lock next(locks[(i + 1) % 3]);
                         },
                         "philosopher" + std::to_string(i)
                     );
                 }
             });
         },
         {"(.*'philosopher[012]' .* waits: Lock.acquire.*, for task 'philosopher[012]'\n){3}"}},
        {"each_awaits_the_other",
         1,
         [] {
             std::optional<Task<void>> ping;
             std::optional<Task<void>> pong;
             task_group([&](TaskGroup& group) {
                 ping = group.create_task([&] { await(*pong); }, "ping");
                 pong = group.create_task([&] { await(*ping); }, "pong");
             });
         },
         {"'ping' .* waits: future @.*, for task 'pong'\n.*'pong' .* waits: future @.*, for task "
          "'ping'"}},
        {"parent_has_what_its_child_wants",
         1,
         [] {
             Lock lock;
             const std::scoped_lock own(lock);
             task_group([&](TaskGroup& group) {
                 group.create_task([&] { const std::scoped_lock held(lock); }, "child");
             });
         },
         {"'main' .* waits: TaskGroup @.*, for task 'child'\n.*'child' .* waits: Lock.acquire @.*, "
          "for task 'main'"}},
        {"child_called_in_place_wants_it",
         3,
         [] {
             const auto parent = [] {
                 Lock lock;
                 const std::scoped_lock own(lock);
                 await(spawn([&] { const std::scoped_lock held(lock); }, "child"));
             };
             await(spawn(parent, "parent"));
         },
         {"'parent' .* waits: future @.*, for task 'child'\n.*'child' .* waits: Lock.acquire @.*, "
          "for "
          "task 'parent'"}},
        {"gather_of_one_that_wants_it",
         1,
         [] {
             await_one_that_wants_it([](const Task<void>& inner) {
                 await(gather(std::vector{gather(std::vector{inner})}));
             });
         },
         {"'main' .* waits: future @.*, for task 'inner'\n.*'inner' .* waits: Lock.acquire @.*, "
          "for "
          "task 'main'"}},
        {"wait_for_one_that_wants_it",
         1,
         [] { await_one_that_wants_it([](const Task<void>& inner) { wait(std::vector{inner}); }); },
         {"'main' .* waits: future @.*, for task 'inner'\n"}},
        {"as_completed_of_one_that_wants_it",
         1,
         [] {
             await_one_that_wants_it([](const Task<void>& inner) {
                 for (const auto& done : as_completed(std::vector{inner})) {
                     static_cast<void>(done);
                 }
             });
         },
         {"'main' .* waits: future @.*, for task 'inner'\n"}},
        {"permits_used_up",
         3,
         [] {
             Semaphore permits(2);
             Barrier both(2);
             task_group([&](TaskGroup& group) {
                 for (const char* const name : {"left", "right"}) {
                     group.spawn(
                         [&] {
                             const std::scoped_lock first(permits);
                             both.wait();
                             const std::scoped_lock second(permits);
                         },
                         name
                     );
                 }
             });
         },
         {"waits: Semaphore.acquire @.*, for (itself|task '(left|right)')\n",
          "    left  stealable  waiting: Semaphore.acquire @.*  for task '(left|right)' and task "
          "'(left|right)'"}},
        {"lock_left_behind",
         1,
         [] {
             Lock lock;
             await(create_task([&] { lock.acquire(); }, "gone"));
             struct Release {
                 Lock& lock;
                 ~Release() { lock.release(); }
             } const release{lock};
             const std::scoped_lock held(lock);
         },
         {"main  .*waiting: Lock.acquire @.*  for task 'gone' spawned at deadlock_test.cpp:[0-9]+, "
          "which has ended"}},
        {"nobody_puts",
         3,
         [] {
             Queue<int> queue;
             task_group([&](TaskGroup& group) {
                 group.spawn([&] { static_cast<void>(queue.get()); }, "consumer");
             });
         },
         {"    consumer  stealable  waiting: Queue.get @"}},
        {"nobody_gets",
         1,
         [] {
             Queue<int> queue(1);
             queue.put(1);
             queue.put(2);
         },
         {"    main  pinned to loop 0  waiting: Queue.put @"}},
        {"nobody_says_task_done",
         1,
         [] {
             Queue<int> queue;
             queue.put(1);
             static_cast<void>(queue.get());
             queue.join();
         },
         {"waiting: Queue.join @"}},
        {"nobody_sets_the_event", 3, [] { Event().wait(); }, {"waiting: Event.wait @"}},
        {"nobody_notifies",
         1,
         [] {
             Condition condition;
             const std::scoped_lock held(condition);
             condition.wait();
         },
         {"waiting: Condition.wait @"}},
        {"one_party_is_missing",
         1,
         [] {
             Barrier barrier(3);
             task_group([&](TaskGroup& group) {
                 group.create_task([&] { barrier.wait(); }, "first");
                 group.create_task([&] { barrier.wait(); }, "second");
             });
         },
         {"    first  .*waiting: Barrier.wait @.*\n    second  .*waiting: Barrier.wait @"}},
        {"nobody_sets_the_future", 3, [] { await(Future<int>()); }, {"waiting: future @"}},
        {"deadlines_that_are_over",
         1,
         [] {
             for (int i = 0; i < 10; ++i) {
                 timeout(1h, [] { yield(); });
             }
             for (int i = 0; i < 100; ++i) {
                 timeout(i * 10ms, [] {});
             }
             Event().wait();
         },
         {"waiting: Event.wait @"}},
        {"after_a_job_that_nobody_awaits",
         1,
         [] {
             static_cast<void>(run_in_executor(nullptr, [] { std::this_thread::sleep_for(700ms); })
             );
             Event().wait();
         },
         {"waiting: Event.wait @"}},
    };
    return kShapes;
}

class Deadlock : public ::testing::TestWithParam<DeadlockShape> {};

TEST_P(Deadlock, IsNamed) {
    const DeadlockShape& shape = GetParam();
    const std::string report = report_of(shape.run, options_of(shape.workers, OnDeadlock::Report));
    expect_said(
        report, {"deadlock: all tasks wait, and only another thread of the program can wake one\n"}
    );
    expect_said(report, shape.said);
}

INSTANTIATE_TEST_SUITE_P(Each, Deadlock, ::testing::ValuesIn(shapes()), [](const auto& each) {
    return each.param.name;
});

}  // namespace
}  // namespace weft::test
