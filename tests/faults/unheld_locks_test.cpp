#ifdef WEFT_HELD_LOCKS  // no sanitizer: tools/cmake/WeftHeldLocks.cmake

#include <gtest/gtest.h>
#include <pthread.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <ctime>
#include <future>
#include <mutex>
#include <ostream>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <weft/executor.hpp>
#include <weft/lock.hpp>
#include <weft/loop.hpp>
#include <weft/queue.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>
#include <weft/task_group.hpp>
#include <weft/testing/held_locks.hpp>
#include <weft/testing/simulate.hpp>

#include "faults/locks.hpp"

// Goal: whoever does not suspend, or holds nothing by then, is let be.

namespace weft::test::locks {
namespace {

using namespace std::chrono_literals;
using testing::held_locks;

pthread_mutex_t plain_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_rwlock_t plain_shared = PTHREAD_RWLOCK_INITIALIZER;

timespec soon(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    now.tv_nsec += 100'000;
    if (now.tv_nsec >= 1'000'000'000) {
        now.tv_nsec -= 1'000'000'000;
        ++now.tv_sec;
    }
    return now;
}

int unlock_plain() {
    return pthread_mutex_unlock(&plain_mutex);
}
int unlock_shared() {
    return pthread_rwlock_unlock(&plain_shared);
}

/// A function of libc that locks. One with a time, or that only tries, may be refused.
struct Way {
    const char* name;
    bool may_be_refused;
    int (*lock)();
    int (*unlock)();
};

int lock_until(int (*lock)(pthread_mutex_t*, const timespec*)) {
    const timespec until = soon(CLOCK_REALTIME);
    return lock(&plain_mutex, &until);
}
int lock_until(int (*lock)(pthread_rwlock_t*, const timespec*)) {
    const timespec until = soon(CLOCK_REALTIME);
    return lock(&plain_shared, &until);
}
int lock_until(int (*lock)(pthread_mutex_t*, clockid_t, const timespec*)) {
    const timespec until = soon(CLOCK_MONOTONIC);
    return lock(&plain_mutex, CLOCK_MONOTONIC, &until);
}
int lock_until(int (*lock)(pthread_rwlock_t*, clockid_t, const timespec*)) {
    const timespec until = soon(CLOCK_MONOTONIC);
    return lock(&plain_shared, CLOCK_MONOTONIC, &until);
}

const Way kWays[] = {
    {"lock", false, [] { return pthread_mutex_lock(&plain_mutex); }, unlock_plain},
    {"trylock", true, [] { return pthread_mutex_trylock(&plain_mutex); }, unlock_plain},
    {"timedlock", true, [] { return lock_until(pthread_mutex_timedlock); }, unlock_plain},
    {"clocklock", true, [] { return lock_until(pthread_mutex_clocklock); }, unlock_plain},
    {"rdlock", false, [] { return pthread_rwlock_rdlock(&plain_shared); }, unlock_shared},
    {"tryrdlock", true, [] { return pthread_rwlock_tryrdlock(&plain_shared); }, unlock_shared},
    {"timedrdlock", true, [] { return lock_until(pthread_rwlock_timedrdlock); }, unlock_shared},
    {"clockrdlock", true, [] { return lock_until(pthread_rwlock_clockrdlock); }, unlock_shared},
    {"wrlock", false, [] { return pthread_rwlock_wrlock(&plain_shared); }, unlock_shared},
    {"trywrlock", true, [] { return pthread_rwlock_trywrlock(&plain_shared); }, unlock_shared},
    {"timedwrlock", true, [] { return lock_until(pthread_rwlock_timedwrlock); }, unlock_shared},
    {"clockwrlock", true, [] { return lock_until(pthread_rwlock_clockwrlock); }, unlock_shared},
};
struct Innocent {
    const char* name;
    void (*run)();
};
void PrintTo(const Innocent& innocent, std::ostream* out) {
    *out << innocent.name;
}

const Innocent kInnocent[] = {
    {"released_before",
     [] {
         {
             const std::lock_guard held(mutex);
             EXPECT_EQ(held_locks(), 1);
         }
         yield();
     }},
    {"moved_and_released",
     [] {
         std::unique_lock first(mutex);
         std::unique_lock second(std::move(first));
         EXPECT_EQ(held_locks(), 1);
         second.unlock();
         sleep(1us);
     }},
    {"released_out_of_order",
     [] {
         mutex.lock();
         second_mutex.lock();
         mutex.unlock();
         EXPECT_EQ(held_locks(), 1);
         second_mutex.unlock();
         yield();
     }},
    {"many_released_in_the_order_of_their_locking",
     [] {
         std::vector<std::mutex> many(40);  // more than the table has room for
         for (std::mutex& each : many) {
             each.lock();
         }
         EXPECT_EQ(held_locks(), 40);
         for (std::mutex& each : many) {
             each.unlock();
         }
         yield();
     }},
    {"each_way_to_lock",
     [] {
         for (const Way& way : kWays) {
             ASSERT_EQ(way.lock(), 0) << way.name;
             EXPECT_EQ(held_locks(), 1) << way.name;
             ASSERT_EQ(way.unlock(), 0) << way.name;
             EXPECT_EQ(held_locks(), 0) << way.name;
         }
         yield();
     }},
    {"each_way_that_is_refused",
     [] {
         // Locked by another thread, whose locks are nobody's business.
         std::promise<void> locked;
         std::promise<void> refused;
         std::thread other([&] {
             pthread_mutex_lock(&plain_mutex);
             pthread_rwlock_wrlock(&plain_shared);
             locked.set_value();
             refused.get_future().wait();
             pthread_rwlock_unlock(&plain_shared);
             pthread_mutex_unlock(&plain_mutex);
         });
         locked.get_future().wait();
         for (const Way& way : kWays) {
             if (way.may_be_refused) {
                 EXPECT_NE(way.lock(), 0) << way.name;
                 EXPECT_EQ(held_locks(), 0) << way.name;
             }
         }
         refused.set_value();
         other.join();
         yield();
     }},
    {"taken_from_one_that_died",
     [] {
         pthread_mutexattr_t robust;
         pthread_mutexattr_init(&robust);
         pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
         pthread_mutex_t left;
         pthread_mutex_init(&left, &robust);
         std::thread([&left] { pthread_mutex_lock(&left); }).join();
         EXPECT_EQ(pthread_mutex_lock(&left), EOWNERDEAD);
         EXPECT_EQ(held_locks(), 1);
         pthread_mutex_consistent(&left);
         pthread_mutex_unlock(&left);
         pthread_mutex_destroy(&left);
         yield();
     }},
    {"recursive_left_as_often",
     [] {
         recursive_mutex.lock();
         recursive_mutex.lock();
         EXPECT_EQ(held_locks(), 2);
         recursive_mutex.unlock();
         recursive_mutex.unlock();
         yield();
     }},
    {"released_by_an_exception",
     [] {
         EXPECT_THROW(
             {
                 const std::lock_guard held(mutex);
                 throw std::runtime_error("on the way out");
             },
             std::runtime_error
         );
         yield();
     }},
    {"try_lock_refused",
     [] {
         std::mutex taken;
         taken.lock();
         bool refused = false;
         std::thread([&] { refused = !taken.try_lock(); }).join();
         EXPECT_TRUE(refused);
         taken.unlock();
         yield();
     }},
    {"shared_by_two",
     [] {
         {
             const std::shared_lock one(shared_mutex);
             const std::shared_lock other(shared_timed_mutex);
             EXPECT_EQ(held_locks(), 2);
         }
         yield();
     }},
    {"condition_variable_of_a_thread",
     [] {
         std::condition_variable changed;
         bool ready = false;
         std::thread waiter([&] {
             std::unique_lock lock(mutex);
             changed.wait(lock, [&] { return ready; });
             EXPECT_EQ(held_locks(), 0);  // a plain thread's are nobody's business
         });
         {
             const std::lock_guard lock(mutex);
             ready = true;
         }
         changed.notify_one();
         yield();
         waiter.join();
     }},
    {"condition_variable_of_a_task",  // it blocks the loop, but nobody suspends
     [] {
         const auto long_ago = std::chrono::system_clock::now() - 1h;
         std::condition_variable changed;
         std::condition_variable_any changed_any;
         {
             std::unique_lock lock(mutex);
             EXPECT_EQ(changed.wait_for(lock, 1us), std::cv_status::timeout);
             EXPECT_EQ(held_locks(), 1);
             EXPECT_EQ(changed.wait_until(lock, long_ago), std::cv_status::timeout);
             EXPECT_EQ(held_locks(), 1);
             EXPECT_EQ(changed_any.wait_for(lock, 1us), std::cv_status::timeout);
             EXPECT_EQ(held_locks(), 1);
             bool ready = false;
             std::thread notifier([&] {
                 const std::lock_guard own(mutex);
                 ready = true;
                 changed.notify_one();
             });
             changed.wait(lock, [&] { return ready; });
             EXPECT_EQ(held_locks(), 1);
             lock.unlock();
             EXPECT_EQ(held_locks(), 0);
             notifier.join();
         }
         yield();
     }},
    {"mutex_in_a_job",
     [] {
         to_thread([] {
             const std::lock_guard held(mutex);
             std::this_thread::yield();
         });
     }},
    {"static_without_suspension",
     [] {
         static const std::string kText = [] {
             EXPECT_EQ(held_locks(), 1);
             return std::string("made at once");
         }();
         EXPECT_FALSE(kText.empty());
         yield();
     }},
    {"static_that_throws",
     [] {
         const auto make = [] {
             static const int kValue = []() -> int { throw std::runtime_error("not made"); }();
             return kValue;
         };
         EXPECT_THROW(make(), std::runtime_error);
         yield();
     }},
    {"call_once_that_throws_and_then_does_not",
     [] {
         std::once_flag flag;
         EXPECT_THROW(
             std::call_once(flag, [] { throw std::runtime_error("not yet"); }), std::runtime_error
         );
         yield();
         std::call_once(flag, [] { EXPECT_EQ(held_locks(), 1); });
         yield();
     }},
    {"call_once_within_call_once",
     [] {
         std::once_flag outer;
         std::once_flag inner;
         std::call_once(outer, [&] {
             EXPECT_EQ(held_locks(), 1);
             std::call_once(inner, [] { EXPECT_EQ(held_locks(), 2); });
             EXPECT_EQ(held_locks(), 1);
             std::call_once(inner, [] { FAIL() << "called twice"; });
         });
         EXPECT_EQ(held_locks(), 0);
         yield();
     }},
    {"in_a_child_that_was_called_in_place",
     [] {
         await(spawn([] {
             const std::lock_guard held(mutex);
             EXPECT_EQ(held_locks(), 1);
         }));
         yield();
     }},
    {"weft_lock_held_over_a_suspension",
     [] {
         Lock lock;
         const std::lock_guard held(lock);
         sleep(1us);
     }},
    {"nothing_to_wait_for",
     [] {
         Lock free;
         Queue<int> queue;
         queue.put(1);
         const std::lock_guard held(mutex);
         const std::lock_guard own(free);
         EXPECT_EQ(queue.get(), 1);
     }},
};

class HeldLocks : public ::testing::TestWithParam<Innocent> {};

TEST_P(HeldLocks, LetsTheInnocentBe) {
    for (const Where where : {Where::Main, Where::Pinned, Where::Stealable, Where::OtherLoop}) {
        run_in(where, [] {
            GetParam().run();
            EXPECT_EQ(held_locks(), 0);
            yield();
        });
    }
}

INSTANTIATE_TEST_SUITE_P(Each, HeldLocks, ::testing::ValuesIn(kInnocent), [](const auto& each) {
    return each.param.name;
});

// Goal: what the thread holds before it begins to run a loop is the thread's.
TEST(HeldLocksOfAThread, AreNoTasksLocks) {
    const std::lock_guard held(mutex);
    run_in(Where::Main, [] { yield(); });
    static const int kValue = [] {
        run_in(Where::Stealable, [] { yield(); });
        return 1;
    }();
    EXPECT_EQ(kValue, 1);
    EXPECT_EQ(held_locks(), 0);
}

// Goal: a lock that a callback takes and the thread lets go of, after the loop, is forgotten.
TEST(HeldLocksOfAThread, MayBeReleasedAfterTheLoop) {
    Loop loop;
    loop.call_soon([] { mutex.lock(); });
    loop.run_once();
    mutex.unlock();
    loop.run_until_complete(loop.create_task([] {
        EXPECT_EQ(held_locks(), 0);
        yield();
    }));
}

// Goal: where one thread is that of many loops, whoever suspends on one of them is not taken for a task of
// another one that holds something.
TEST(HeldLocksInASimulation, BelongToTheirLoop) {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        testing::simulate(seed, {.workers = 4}, [] {
            task_group([](TaskGroup& group) {
                for (int i = 0; i < 8; ++i) {
                    group.spawn([] {
                        std::shared_mutex own;
                        for (int turn = 0; turn < 10; ++turn) {
                            {
                                const std::shared_lock held(own);
                                const std::shared_lock both(shared_mutex);
                                EXPECT_EQ(held_locks(), 2);
                                auto child = spawn([] { yield(); });  // wakes another loop
                                EXPECT_EQ(held_locks(), 2);
                                child.cancel();
                            }
                            EXPECT_EQ(held_locks(), 0);
                            yield();
                        }
                    });
                }
            });
        });
    }
}

}  // namespace
}  // namespace weft::test::locks

#endif
