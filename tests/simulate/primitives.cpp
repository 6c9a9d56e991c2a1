#include "primitives.hpp"

#include <mutex>

namespace weft::simulate {
namespace {

/// Calls `wait` until it has returned without a cancellation.
template <class F>
auto insist(F&& wait) {
    for (;;) {
        try {
            return wait();
        } catch (const CancelledError&) {
            current_task().uncancel();
        }
    }
}

/// Cancels one or another of the tasks, a few times; those insist.
Task<void> harass(World& world, const std::vector<Task<void>>& tasks) {
    return world.start([&world, &tasks, rounds = world.below(8)] {
        while (world.begun() < tasks.size()) {
            yield();
        }
        for (int i = 0; i < rounds; ++i) {
            world.dawdle();
            tasks[static_cast<std::size_t>(world.below(static_cast<int>(tasks.size())))].cancel();
        }
    });
}

/// The same, and waits for all: one who was cancelled after its last wait has not failed.
void finish(World& world, std::vector<Task<void>>& tasks) {
    const Task<void> harasser = harass(world, tasks);
    for (const Task<void>& task : tasks) {
        try {
            await(shield(task));
        } catch (const CancelledError&) {
            world.expect(task.cancelled(), "the main task was cancelled by nobody");
        }
    }
    await(harasser);
}

}  // namespace

// Goal: what was put is got, once, whoever is cancelled meanwhile.
void queue_traffic(World& world) {
    const int pairs = world.between(1, 4);
    const int items = world.between(1, 8);
    Queue<int> queue(static_cast<std::size_t>(world.below(4)));
    int put = 0;
    int got = 0;
    std::vector<Task<void>> tasks;
    for (int i = 0; i < pairs; ++i) {
        tasks.push_back(world.start_counted([&] {
            for (int item = 0; item < items; ++item) {
                insist([&] { queue.put(item + 1); });
                put += item + 1;
            }
        }));
        tasks.push_back(world.start_counted([&] {
            for (int item = 0; item < items; ++item) {
                got += insist([&] { return queue.get(); });
                world.dawdle_uncancelled();
            }
        }));
    }
    finish(world, tasks);
    world.expect_equal(got, put, "the sum of what was got");
    world.expect(queue.empty(), "something is left in the queue");
}

// Goal: a lock has one holder, and a free one is not kept from those who wait.
void lock_holders(World& world) {
    Lock lock;
    int inside = 0;
    int entered = 0;
    const int rounds = world.between(1, 6);
    const int count = world.between(2, 5);
    std::vector<Task<void>> tasks;
    for (int i = 0; i < count; ++i) {
        tasks.push_back(world.start_counted([&] {
            for (int round = 0; round < rounds; ++round) {
                insist([&] { lock.acquire(); });
                world.expect_equal(++inside, 1, "holders of a lock");
                world.dawdle_uncancelled();
                ++entered;
                --inside;
                lock.release();
            }
        }));
    }
    finish(world, tasks);
    world.expect_equal(entered, count * rounds, "turns with the lock");
    world.expect(!lock.locked(), "the lock is held by nobody");
}

// Goal: no permit is lost or made.
void semaphore_permits(World& world) {
    const int permits = world.between(1, 3);
    Semaphore semaphore(permits);
    int inside = 0;
    const int count = world.between(2, 6);
    std::vector<Task<void>> tasks;
    for (int i = 0; i < count; ++i) {
        tasks.push_back(world.start_counted([&] {
            for (int round = 0; round < 4; ++round) {
                insist([&] { semaphore.acquire(); });
                world.expect(++inside <= permits, "more are inside than there are permits");
                world.dawdle_uncancelled();
                --inside;
                semaphore.release();
            }
        }));
    }
    finish(world, tasks);
    world.expect_equal(semaphore.value(), permits, "permits in the end");
}

// Goal: whoever waits when an event is set goes on.
void event_waiters(World& world) {
    Event event;
    int waiting = 0;
    int gone_on = 0;
    const int count = world.between(1, 5);
    const int rounds = world.between(1, 4);
    std::vector<Task<void>> tasks;
    for (int i = 0; i < count; ++i) {
        tasks.push_back(world.start_counted([&] {
            for (int round = 0; round < rounds; ++round) {
                ++waiting;
                insist([&] { event.wait(); });
                --waiting;
                ++gone_on;
            }
        }));
    }
    while (gone_on < count * rounds) {
        world.dawdle();
        event.set();
        world.dawdle();
        event.clear();
        yield();
    }
    finish(world, tasks);
    world.expect_equal(waiting, 0, "those who wait for an event");
}

// Goal: a notification reaches one who waits, and the lock is held when wait() returns.
void condition_hand_over(World& world) {
    Lock lock;
    Condition condition(lock);
    int tokens = 0;
    int taken = 0;
    const int count = world.between(1, 4);
    const int each = world.between(1, 4);
    std::vector<Task<void>> tasks;
    for (int i = 0; i < count; ++i) {
        tasks.push_back(world.start_counted([&] {
            for (int k = 0; k < each; ++k) {
                insist([&] {
                    const std::lock_guard guard(condition);
                    condition.wait_for([&] { return tokens > 0; });
                    world.expect(lock.locked(), "wait_for() came back without the lock");
                    --tokens;
                    ++taken;
                });
            }
        }));
    }
    auto giver = world.start([&] {
        for (int i = 0; i < count * each; ++i) {
            world.dawdle();
            const std::lock_guard guard(condition);
            ++tokens;
            condition.notify();
        }
        // One who was notified and then cancelled has passed it on; who insists looks again.
        while (taken < count * each) {
            yield();
        }
    });
    finish(world, tasks);
    await(giver);
    world.expect_equal(tokens, 0, "tokens that nobody took");
}

// Goal: a barrier lets go of all at once, again and again.
void barrier_rounds(World& world) {
    const int parties = world.between(1, 5);
    const int rounds = world.between(1, 4);
    Barrier barrier(parties);
    std::vector<int> at(static_cast<std::size_t>(rounds), 0);
    std::vector<Task<void>> tasks;
    for (int i = 0; i < parties; ++i) {
        tasks.push_back(world.start([&] {
            for (int round = 0; round < rounds; ++round) {
                world.dawdle();
                ++at[static_cast<std::size_t>(round)];
                barrier.wait();
                world.expect_equal(
                    at[static_cast<std::size_t>(round)],
                    parties,
                    "arrived before the barrier opened"
                );
            }
        }));
    }
    await_all(tasks);
}

}  // namespace weft::simulate
