#include "planted.hpp"

#include <atomic>

namespace weft::simulate {

// An item is taken out before the wait that may be cancelled.
void planted_lost_item(World& world) {
    Queue<int> queue(0);
    int got = 0;
    auto taker = world.start_counted([&] {
        for (int i = 0; i < 4;) {
            try {
                static_cast<void>(queue.get());
                yield();  // cancelled here, the item is nobody's
                ++got;
                ++i;
            } catch (const CancelledError&) {
                current_task().uncancel();
                ++i;
            }
        }
    });
    auto canceller = world.start([&] {
        while (world.begun() == 0) {
            yield();
        }
        world.dawdle();
        taker.cancel();
    });
    for (int i = 0; i < 4; ++i) {
        queue.put(i);
        world.dawdle();
    }
    await(taker);
    await(canceller);
    world.expect_equal(got + static_cast<int>(queue.qsize()), 4, "items");
}

// Looked at and set in two steps.
void planted_two_holders(World& world) {
    std::atomic<bool> taken{false};
    int inside = 0;
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 3; ++i) {
        tasks.push_back(world.start([&] {
            for (int k = 0; k < 3; ++k) {
                while (taken.load(std::memory_order_acquire)) {
                    yield();
                }
                taken.store(true, std::memory_order_release);
                world.expect_equal(++inside, 1, "holders of a lock");
                yield();
                --inside;
                taken.store(false, std::memory_order_release);
            }
        }));
    }
    await_all(tasks);
}

// The flag is looked at before the wait begins, and the wake-up comes between the two.
void planted_lost_wake_up(World& world) {
    for (int round = 0; round < 10; ++round) {
        std::atomic<bool> ready{false};
        Event event;
        auto waiter = world.start([&] {
            if (!ready.load(std::memory_order_acquire)) {
                event.clear();
                event.wait();
            }
        });
        auto waker = world.start([&] {
            ready.store(true, std::memory_order_release);
            event.set();
        });
        await(waker);
        await(waiter);
    }
}

// Each waits for the other to go first.
void planted_livelock(World& world) {
    std::atomic<int> turn{0};
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 2; ++i) {
        tasks.push_back(world.start([&turn, i] {
            while (turn.load(std::memory_order_acquire) != 2 - i) {
                yield();
            }
        }));
    }
    await_all(tasks);
}

}  // namespace weft::simulate
