#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <thread>
#include <utility>
#include <weft/run.hpp>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>

#include "reactor/reactor.hpp"
#include "sched/worker.hpp"
#include "support/runtime_fixture.hpp"

// A task that calls child after child gives its loop no reason to look around: the loop does so all the
// same. Counted in children, not in time.

namespace weft::test {
namespace {

/// A task that walks a tree by awaiting a child after the other, again and again, on one worker, until
/// what one of the children asks for has come.
class Walk {
public:
    /// Runs the walk as a stealable task. `ask` is called in the first of the children that is deep enough;
    /// it has arrived() called at some time.
    template <class Ask>
    void run(Ask ask) {
        ask_ = std::move(ask);
        children_ = 0;
        arrived_ = false;
        weft::await(spawn([this] {
            while (!arrived_) {
                walk(kDepth);
            }
        }));
    }
    void arrived() {
        arrived_ = true;
        after_ = children_ - asked_at_;
    }
    /// From here on children are counted; called by what asks.
    void count_from_here() { asked_at_ = children_; }
    [[nodiscard]] long children_after() const { return after_; }

private:
    static constexpr int kDepth = 12;

    void walk(int depth) {
        ++children_;
        if (depth == 0) {
            if (children_ > kBefore && ask_ != nullptr) {
                std::exchange(ask_, nullptr)();
            }
            return;
        }
        if (arrived_) {
            return;
        }
        auto left = spawn([this, depth] { walk(depth - 1); });
        auto right = spawn([this, depth] { walk(depth - 1); });
        weft::await(left);
        weft::await(right);
    }

    static constexpr long kBefore = 500;

    std::function<void()> ask_;
    long children_ = 0;
    long asked_at_ = 0;
    long after_ = 0;
    bool arrived_ = false;
};

// A loop that has something to do but to call children turns after 64 of them.
constexpr long kChildrenInATurn = 64;
// How many children there are at most in the 100 microseconds after which a loop turns in any case: at
// 10 ns each, and that is not reached.
constexpr long kChildrenUntilAPoll = 10'000;

/// Runs `f` with a walk on one worker, some times.
template <class F>
void with_walk(F f) {
    const WithoutHops without_hops;
    RuntimeOptions options;
    options.workers = 1;
    options.pin = Pin::None;
    weft::run(
        [&f] {
            for (int i = 0; i < scaled(40); ++i) {
                Walk walk;
                f(walk);
            }
        },
        options
    );
}

// Goal: a pinned task or a callback has its turn soon while a tree is walked by calls.
TEST(WalkFairness, DoesNotStarvePinnedWork) {
    with_walk([](Walk& walk) {
        walk.run([&] {
            walk.count_from_here();
            get_running_loop().call_soon([&] { walk.arrived(); });
        });
        EXPECT_LE(walk.children_after(), 2 * kChildrenInATurn);
        walk.run([&] {
            walk.count_from_here();
            create_task([&] { walk.arrived(); });
        });
        EXPECT_LE(walk.children_after(), 2 * kChildrenInATurn);
    });
}

// Goal: so has what another thread sends.
TEST(WalkFairness, DoesNotStarveTheMailbox) {
    with_walk([](Walk& walk) {
        walk.run([&] {
            Loop& loop = get_running_loop();
            std::thread([&] { loop.call_soon_threadsafe([&] { walk.arrived(); }); }).join();
            walk.count_from_here();
        });
        EXPECT_LE(walk.children_after(), 2 * kChildrenInATurn);
        walk.run([&] {
            Runtime& runtime = get_running_loop().runtime();
            std::thread([&] { runtime.spawn([&] { walk.arrived(); }); }).join();
            walk.count_from_here();
        });
        EXPECT_LE(walk.children_after(), 8 * kChildrenUntilAPoll);  // behind those that are ready
    });
}

// Goal: so has a deadline, once it is due.
TEST(WalkFairness, DoesNotStarveTimers) {
    with_walk([](Walk& walk) {
        walk.run([&] {
            Loop& loop = get_running_loop();
            const auto when = loop.time() + std::chrono::microseconds(20);
            loop.call_at(when, [&] { walk.arrived(); });
            while (loop.time() < when) {
                // it is due when this child returns
            }
            walk.count_from_here();
        });
        EXPECT_LE(walk.children_after(), 2 * kChildrenInATurn);
    });
}

// Goal: so has whoever stops the loop.
TEST(WalkFairness, DoesNotStarveWhoStopsTheLoop) {
    for (int i = 0; i < scaled(40); ++i) {
        Loop loop;
        Walk walk;
        auto walker = loop.create_task([&] {
            walk.run([&] {
                loop.stop();
                walk.count_from_here();
            });
        });
        loop.run_forever();
        walk.arrived();
        EXPECT_LE(walk.children_after(), 2 * kChildrenInATurn);
        loop.run_until_complete(walker);
    }
}

// Goal: so have bytes that arrive, at the next visit to the reactor.
TEST(WalkFairness, DoesNotStarveIo) {
    with_walk([](Walk& walk) {
        std::array<int, 2> pair{};
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()), 0);
        rt::Reactor& reactor = static_cast<rt::Worker&>(*get_running_loop().sink()).reactor();
        rt::Descriptor* descriptor = nullptr;
        ASSERT_FALSE(reactor.attach(pair[0], false, descriptor));
        auto reader = create_task([&] {
            std::array<char, 8> buffer{};
            rt::Operation receive{rt::Operation::Kind::Receive, *descriptor};
            receive.buffer = buffer.data();
            receive.size = buffer.size();
            EXPECT_EQ(reactor.perform(receive), 3);
            walk.arrived();
        });
        settle();  // it waits
        walk.run([&] {
            EXPECT_EQ(::write(pair[1], "abc", 3), 3);
            walk.count_from_here();
        });
        EXPECT_LE(walk.children_after(), kChildrenUntilAPoll);
        await(reader);
        reactor.close(*descriptor);
        ::close(pair[1]);
    });
}

// Goal: so has another stealable task, that nobody awaits: after a few visits to the reactor.
TEST(WalkFairness, DoesNotStarveStealableTasks) {
    with_walk([](Walk& walk) {
        walk.run([&] {
            walk.count_from_here();
            spawn([&] { walk.arrived(); });
        });
        EXPECT_LE(walk.children_after(), 8 * kChildrenUntilAPoll);
    });
}

// Goal: and one that goes on and on has a turn again and again.
TEST(WalkFairness, DoesNotStarveAYielder) {
    with_walk([](Walk& walk) {
        walk.run([&] {
            walk.count_from_here();
            spawn([&] {
                for (int i = 0; i < 5; ++i) {
                    yield();
                }
                walk.arrived();
            });
        });
        EXPECT_LE(walk.children_after(), 6 * 8 * kChildrenUntilAPoll);
    });
}

}  // namespace
}  // namespace weft::test
