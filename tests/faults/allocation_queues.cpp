#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <weft/queue.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>
#include <weft/timeout.hpp>

#include "allocation_crew.hpp"
#include "allocation_scenario.hpp"

namespace weft::test {
namespace {

using std::chrono::microseconds;

constexpr int kSides = 2;
constexpr int kItems = 8;

/// An item that asks for memory when it is made and when it is copied, and for none when moved.
struct Parcel {
    explicit Parcel(int from)
        : number(from), text("a text that is longer than what a string holds in itself") {}

    friend bool operator<(const Parcel& left, const Parcel& right) noexcept {
        return left.number < right.number;
    }

    int number;
    std::string text;
};

/// What went in and what came out.
struct Count {
    std::atomic<int> in{0};
    std::atomic<int> out{0};
};

template <class Q>
void expect_nothing_lost(Trial& trial, Q& queue, Count& count) {
    const int left = static_cast<int>(queue.qsize());
    trial.expect(count.in == count.out + left, "an item is lost, or came twice");
    int taken = 0;
    while (queue.try_get()) {
        ++taken;
    }
    trial.expect(taken == left, "an item that is there cannot be had");
    trial.expect(trial.failed() || left == 0, "an item was left");
}

/// Puts on one side and gets on the other; a small queue makes both wait.
template <class Q>
void pass_items(Trial& trial) {
    using Item = typename Q::value_type;
    Q queue(2);
    Count count;
    Crew crew;
    trial.act([&] {
        for (int side = 0; side < kSides; ++side) {
            crew.create([&] {
                for (int i = 0; i < kItems; ++i) {
                    queue.put(Item(i));
                    count.in.fetch_add(1);
                }
            });
            crew.spawn([&] {
                for (int i = 0; i < kItems; ++i) {
                    const Item item = queue.get();
                    count.out.fetch_add(1);
                    static_cast<void>(Parcel(static_cast<int>(sizeof item)));
                }
            });
        }
        crew.join();
    });
    expect_nothing_lost(trial, queue, count);
}

/// The same without a bound: only the getters wait.
template <class Q>
void fill_a_queue(Trial& trial) {
    using Item = typename Q::value_type;
    Q queue;
    Count count;
    trial.act([&] {
        for (int round = 0; round < 2; ++round) {
            for (int i = 0; i < 4 * kItems; ++i) {
                if (i % 2 == 0) {
                    queue.put_nowait(Item(i));
                } else {
                    queue.put(Item(i));
                }
                count.in.fetch_add(1);
            }
            for (int i = 0; i < 4 * kItems; ++i) {
                const Item item = queue.get_nowait();
                count.out.fetch_add(1);
                static_cast<void>(item);
            }
        }
    });
    expect_nothing_lost(trial, queue, count);
}

void cancel_putters(Trial& trial) {
    Queue<Parcel> queue(1);
    Count count;
    Crew crew;
    trial.act([&] {
        for (int side = 0; side < kSides; ++side) {
            crew.spawn([&] {
                for (int i = 0; i < kItems; ++i) {
                    move_on_after(microseconds(20), [&] {
                        queue.put(Parcel(i));
                        count.in.fetch_add(1);
                    });
                }
            });
        }
        for (int i = 0; i < kItems; ++i) {
            yield();
            if (queue.try_get()) {
                count.out.fetch_add(1);
            }
        }
        crew.join();
        while (queue.try_get()) {
            count.out.fetch_add(1);
        }
    });
    expect_nothing_lost(trial, queue, count);
}

void cancel_getters(Trial& trial) {
    Queue<Parcel> queue;
    Count count;
    Crew crew;
    trial.act([&] {
        for (int side = 0; side < kSides; ++side) {
            crew.spawn([&] {
                for (int i = 0; i < kItems; ++i) {
                    move_on_after(microseconds(20), [&] {
                        static_cast<void>(queue.get());
                        count.out.fetch_add(1);
                    });
                }
            });
        }
        for (int i = 0; i < kItems; ++i) {
            queue.put(Parcel(i));
            count.in.fetch_add(1);
            yield();
        }
        crew.join();
        while (queue.try_get()) {
            count.out.fetch_add(1);
        }
    });
    expect_nothing_lost(trial, queue, count);
}

void shut_down_a_queue(Trial& trial) {
    Queue<Parcel> queue(2);
    Count count;
    std::atomic<int> told{0};
    Crew crew;
    trial.act([&] {
        for (int side = 0; side < kSides; ++side) {
            crew.create([&] {
                try {
                    for (;;) {
                        queue.put(Parcel(1));
                        count.in.fetch_add(1);
                    }
                } catch (const QueueShutDown&) {
                    told.fetch_add(1);
                }
            });
            crew.spawn([&] {
                try {
                    for (;;) {
                        static_cast<void>(queue.get());
                        count.out.fetch_add(1);
                        yield();
                    }
                } catch (const QueueShutDown&) {
                    told.fetch_add(1);
                }
            });
        }
        for (int i = 0; i < kItems; ++i) {
            yield();
        }
        queue.shutdown();
        crew.join();
    });
    trial.expect(trial.failed() || told == 2 * kSides, "one was not told");
    trial.expect(
        count.in == count.out + static_cast<int>(queue.qsize()), "an item is lost, or came twice"
    );
}

void join_a_queue(Trial& trial) {
    Queue<Parcel> queue;
    std::atomic<int> done{0};
    Crew crew;
    trial.act([&] {
        for (int side = 0; side < kSides; ++side) {
            crew.spawn([&] {
                for (int i = 0; i < kItems; ++i) {
                    static_cast<void>(queue.get());
                    const std::string work = "some work that wants some memory as well";
                    done.fetch_add(1);
                    queue.task_done();
                }
            });
        }
        crew.create([&] {
            for (int i = 0; i < kSides * kItems; ++i) {
                queue.put(Parcel(i));
            }
            queue.join();
            if (done != kSides * kItems) {
                Trial::note("join() returned early", {});
            }
        });
        crew.join();
    });
    trial.expect(trial.failed() || done == kSides * kItems, "an item was left");
}

}  // namespace

Scenarios queue_scenarios() {
    return {
        {"queue_plain", &pass_items<Queue<int>>},
        {"queue", &pass_items<Queue<Parcel>>},
        {"lifo_queue", &pass_items<LifoQueue<Parcel>>},
        {"priority_queue", &pass_items<PriorityQueue<Parcel>>},
        {"queue_fill_plain", &fill_a_queue<Queue<int>>},
        {"queue_fill", &fill_a_queue<Queue<Parcel>>},
        {"priority_queue_fill", &fill_a_queue<PriorityQueue<Parcel>>},
        {"queue_cancel_put", &cancel_putters},
        {"queue_cancel_get", &cancel_getters},
        {"queue_shutdown", &shut_down_a_queue},
        {"queue_join", &join_a_queue},
    };
}

}  // namespace weft::test
