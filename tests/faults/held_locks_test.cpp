#ifdef WEFT_HELD_LOCKS  // no sanitizer: tools/cmake/WeftHeldLocks.cmake

#include <gtest/gtest.h>
#include <pthread.h>

#include <chrono>
#include <csignal>
#include <mutex>
#include <ostream>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <weft/condition.hpp>
#include <weft/connection.hpp>
#include <weft/event.hpp>
#include <weft/executor.hpp>
#include <weft/lock.hpp>
#include <weft/loop.hpp>
#include <weft/queue.hpp>
#include <weft/semaphore.hpp>
#include <weft/server.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>
#include <weft/task_group.hpp>

#include "faults/locks.hpp"

// Goal: whoever suspends with a lock, or within an initialiser, dies with its name and what it holds;
// the innocent are in unheld_locks_test.cpp. In the preset dev all tests run under the
// same watch.

namespace weft::test::locks {

// Not in an anonymous namespace: only what is exported has a name in a report.
namespace named {

std::recursive_mutex mutex;

[[gnu::noinline]] void lock_first() {
    mutex.lock();
}
[[gnu::noinline]] void lock_twice_and_wait() {
    lock_first();
    mutex.lock();
    mutex.unlock();
    yield();
}

}  // namespace named

namespace {

using namespace std::chrono_literals;

struct Planted {
    const char* name;
    Where where;
    const char* held;  ///< a part of the report, as a regular expression
    void (*run)();
};
void PrintTo(const Planted& planted, std::ostream* out) {
    *out << planted.name;
}

constexpr const char* kMutex = "the mutex 0x[0-9a-f]+, locked in ";
constexpr const char* kShared = "the shared mutex 0x[0-9a-f]+, locked in ";
constexpr const char* kStatic =
    "the initialiser of a function-local static, guard 0x[0-9a-f]+, "
    "entered in ";
constexpr const char* kOnce =
    "the function of std::call_once or pthread_once, flag 0x[0-9a-f]+, "
    "entered in ";

int wait_for_a_value() {
    sleep(1ms);
    return 1;
}

struct SuspendsAtItsEnd {
    SuspendsAtItsEnd() = default;
    SuspendsAtItsEnd(const SuspendsAtItsEnd&) = delete;
    SuspendsAtItsEnd& operator=(const SuspendsAtItsEnd&) = delete;
    ~SuspendsAtItsEnd() { yield(); }
};

const Planted kPlanted[] = {
    {"lock_guard_sleep",
     Where::Pinned,
     kMutex,
     [] {
         const std::lock_guard held(mutex);
         sleep(1ms);
     }},
    {"unique_lock_yield",
     Where::Stealable,
     kMutex,
     [] {
         const std::unique_lock held(mutex);
         yield();
     }},
    {"scoped_lock_of_two_await",
     Where::Pinned,
     "the mutex 0x.*the mutex 0x",
     [] {
         const std::scoped_lock held(mutex, second_mutex);
         await(create_task([] { yield(); }));
     }},
    {"lock_acquire",
     Where::OtherLoop,
     kMutex,
     [] {
         Lock contended;
         contended.acquire();
         const std::lock_guard held(mutex);
         contended.acquire();
     }},
    {"queue_get",
     Where::Stealable,
     kMutex,
     [] {
         Queue<int> queue;
         const std::lock_guard held(mutex);
         static_cast<void>(queue.get());
     }},
    {"event_wait",
     Where::Main,
     kMutex,
     [] {
         Event event;
         const std::lock_guard held(mutex);
         event.wait();
     }},
    {"condition_wait",
     Where::Pinned,
     kMutex,
     [] {
         Condition condition;
         const std::lock_guard own(condition);
         const std::lock_guard held(mutex);
         condition.wait();
     }},
    {"semaphore_acquire",
     Where::Stealable,
     kMutex,
     [] {
         Semaphore semaphore(0);
         const std::lock_guard held(mutex);
         semaphore.acquire();
     }},
    {"stream_read",
     Where::Pinned,
     kMutex,
     [] {
         const auto server = start_server(
             [](StreamReader reader, const StreamWriter&) { static_cast<void>(reader.readline()); },
             "127.0.0.1",
             0
         );
         auto [reader, writer] = open_connection("127.0.0.1", server.port());
         const std::lock_guard held(mutex);
         static_cast<void>(reader.readline());
     }},
    {"to_thread",
     Where::Stealable,
     kMutex,
     [] {
         const std::lock_guard held(mutex);
         to_thread([] {});
     }},
    {"task_group",
     Where::Pinned,
     kMutex,
     [] {
         const std::lock_guard held(mutex);
         task_group([](TaskGroup& group) { group.create_task([] { yield(); }); });
     }},
    {"eager_start",
     Where::Pinned,
     kMutex,
     [] {
         const std::lock_guard held(mutex);
         await(create_task([] {}, {.eager_start = true}));
     }},
    {"in_a_destructor",
     Where::Stealable,
     kMutex,
     [] {
         const std::lock_guard held(mutex);
         const SuspendsAtItsEnd last;
     }},
    {"while_unwinding",
     Where::Pinned,
     kMutex,
     [] {
         try {
             const std::lock_guard held(mutex);
             const SuspendsAtItsEnd last;
             throw std::runtime_error("on the way out");
         } catch (const std::runtime_error&) {
         }
     }},
    {"recursive_left_once",
     Where::Pinned,
     kMutex,
     [] {
         recursive_mutex.lock();
         recursive_mutex.lock();
         recursive_mutex.unlock();
         yield();
     }},
    {"shared_lock",
     Where::Stealable,
     kShared,
     [] {
         const std::shared_lock held(shared_mutex);
         yield();
     }},
    {"shared_mutex_alone",
     Where::OtherLoop,
     kShared,
     [] {
         const std::unique_lock held(shared_mutex);
         sleep(1ms);
     }},
    {"shared_for_a_time",
     Where::Pinned,
     kShared,
     [] {
         if (shared_timed_mutex.try_lock_shared_for(1h)) {
             yield();
         }
     }},
    {"try_lock",
     Where::Stealable,
     kMutex,
     [] {
         if (mutex.try_lock()) {
             yield();
         }
     }},
    {"try_lock_until",
     Where::Pinned,
     kMutex,
     [] {
         if (timed_mutex.try_lock_until(std::chrono::system_clock::now() + 1h)) {
             yield();
         }
     }},
    {"call_once",
     Where::Stealable,
     kOnce,
     [] {
         std::once_flag flag;
         std::call_once(flag, [] { yield(); });
     }},
    {"static_initialiser",
     Where::Pinned,
     kStatic,
     [] {
         static const int kValue = wait_for_a_value();
         static_cast<void>(kValue);
     }},
    {"static_within_once_within_lock",
     Where::Main,
     "the mutex 0x.*std::call_once .*function-local static",
     [] {
         const std::lock_guard held(mutex);
         std::once_flag flag;
         std::call_once(flag, [] {
             static const int kValue = wait_for_a_value();
             static_cast<void>(kValue);
         });
     }},
    {"second_of_two_released",
     Where::Pinned,
     kMutex,
     [] {
         const std::lock_guard held(mutex);
         second_mutex.lock();
         second_mutex.unlock();
         yield();
     }},
    {"pthread_lock_of_c",
     Where::Stealable,
     kMutex,
     [] {
         pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER;
         pthread_mutex_lock(&plain);
         yield();
     }},
    {"left_by_a_callback",
     Where::Pinned,
     "the mutex 0x[0-9a-f]+, locked by a callback in ",
     [] {
         Event event;
         get_running_loop().call_soon([&] {
             mutex.lock();
             event.set();
         });
         event.wait();
         yield();
     }},
    {"left_by_a_task_that_ended",
     Where::Pinned,
     "the mutex 0x[0-9a-f]+, locked by Task-[0-9]+, which has ended, in ",
     [] {
         await(create_task([] { mutex.lock(); }, "gone"));
         yield();
     }},
};

class HeldLocksDeathTest : public ::testing::TestWithParam<Planted> {};

TEST_P(HeldLocksDeathTest, NamesTheTaskAndWhatItHolds) {
    const Planted& planted = GetParam();
    EXPECT_EXIT(
        run_in(planted.where, planted.run),
        ::testing::KilledBySignal(SIGABRT),
        std::string("^weft: task 'fetch-42' spawned at [a-z_]+\\.[ch]pp:[0-9]+ suspends while it "
                    "holds\n  .*"
        ) + planted.held
    );
}

INSTANTIATE_TEST_SUITE_P(
    Each,
    HeldLocksDeathTest,
    ::testing::ValuesIn(kPlanted),
    [](const auto& each) { return each.param.name; }
);

// Goal: the report says where it was locked, and by whom that was called; of a lock that was taken twice,
// where the one is that is left.
TEST(HeldLocksCallersDeathTest, AreNamed) {
    EXPECT_EXIT(
        run_in(Where::Pinned, named::lock_twice_and_wait),
        ::testing::KilledBySignal(SIGABRT),
        "(in|from) weft::test::locks::named::lock_first\\(\\)[^\n]*\n"
        " +called from weft::test::locks::named::lock_twice_and_wait\\(\\)"
    );
}

// Goal: a child that suspends on its parent's stack is told from the parent, who locked.
TEST(HeldLocksInPlaceDeathTest, NamesTheParentThatLocked) {
    const WithoutHops without_hops;  // else the child is not called in place
    const auto lock_and_await = [] {
        run_in(Where::Stealable, [] {
            const std::lock_guard held(mutex);
            await(spawn([] { yield(); }, "inner"));
        });
    };
    EXPECT_EXIT(
        lock_and_await(),
        ::testing::KilledBySignal(SIGABRT),
        "^weft: task 'inner' .*locked by task 'fetch-42', which waits for this one, in "
    );
}

// Goal: more than the table has room for is still counted.
TEST(HeldLocksManyDeathTest, CountsWhatItCannotKeep) {
    const auto hold_forty = [] {
        run_in(Where::Pinned, [] {
            for (int i = 0; i < 40; ++i) {
                recursive_mutex.lock();
            }
            for (int i = 0; i < 6; ++i) {
                recursive_mutex.unlock();
            }
            yield();
        });
    };
    EXPECT_EXIT(hold_forty(), ::testing::KilledBySignal(SIGABRT), "\n  and [0-9]+ more\n");
}

}  // namespace
}  // namespace weft::test::locks

#endif
