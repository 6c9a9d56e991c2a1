#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <numeric>
#include <ostream>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "fiber/stack.hpp"
#include "sched/own_stack.hpp"
#include "support/runtime_fixture.hpp"
#include "support/text_of.hpp"

// Who awaits a child that is ready on its loop calls it, wherever it stands there.

namespace weft::test {
namespace {

/// Tasks that hop are not called in place.
class InPlace : public OnEveryRuntime {
    const WithoutHops without_hops_;
};
INSTANTIATE_TEST_SUITE_P(
    Each,
    InPlace,
    ::testing::Values(Shape{1, false}, Shape{2, false}, Shape{4, false}),
    [](const auto& each) { return name_of(each.param); }
);

RuntimeOptions of_one_worker() {
    RuntimeOptions options;
    options.workers = 1;
    options.pin = Pin::None;
    return options;
}

/// Runs `f` as a stealable task of a runtime of one worker, where nothing else goes on.
template <class F>
auto run_alone(F f) {
    const WithoutHops without_hops;
    return weft::run([&f] { return await(spawn(std::move(f))); }, of_one_worker());
}

/// The message of the CancelledError that `f` throws.
template <class F>
std::string text_of_cancelled(F&& f) {
    try {
        f();
    } catch (const CancelledError& error) {
        return error.message();
    }
    return "nothing was thrown";
}

/// The stacks that tasks stood on.
class Stacks {
public:
    void add() {
        const std::lock_guard lock(mutex_);
        seen_.insert(own_stack());
    }
    [[nodiscard]] std::size_t count() {
        const std::lock_guard lock(mutex_);
        return seen_.size();
    }

private:
    std::mutex mutex_;
    std::set<const rt::Stack*> seen_;
};

// ---- who is called

enum class Order { AsSpawned, Reverse, Shuffled };

std::vector<std::size_t> in(Order order, std::size_t count) {
    std::vector<std::size_t> all(count);
    std::iota(all.begin(), all.end(), std::size_t{0});
    if (order == Order::Reverse) {
        std::reverse(all.begin(), all.end());
    } else if (order == Order::Shuffled) {
        auto random = random_engine();
        std::shuffle(all.begin(), all.end(), random);
    }
    return all;
}

/// A parent that spawns children and then awaits them in some order.
struct Family {
    std::size_t children;
    Order order;
};
void PrintTo(const Family& family, std::ostream* out) {
    constexpr std::array kNames{"in order", "in reverse", "shuffled"};
    *out << family.children << ' ' << kNames.at(static_cast<std::size_t>(family.order));
}

class Children : public ::testing::TestWithParam<Family> {};

/// Which of them ran on their parent's stack.
std::vector<bool> called_of(const Family& family) {
    return run_alone([&family] {
        std::vector<bool> called(family.children);
        std::vector<Task<std::size_t>> children;
        for (std::size_t i = 0; i < family.children; ++i) {
            children.push_back(spawn([&called, i, stack = own_stack()] {
                called[i] = own_stack() == stack;
                return i;
            }));
        }
        for (const std::size_t i : in(family.order, family.children)) {
            EXPECT_EQ(await(children[i]), i);
        }
        return called;
    });
}

/// Of so many children in a row, how many may have run another way: each 64th may be refused, so that the
/// loop has its turn, and that turn may run another one.
constexpr std::size_t kBetweenTurns = 32;
std::size_t may_be_refused(std::size_t children) {
    return 2 * (children / kBetweenTurns);
}

std::size_t count(const std::vector<bool>& called, std::size_t first) {
    return static_cast<std::size_t>(
        std::count(called.begin() + static_cast<std::ptrdiff_t>(first), called.end(), true)
    );
}

// Goal: where nothing else goes on, all are called that are awaited in the order in which they were spawned;
// in whatever order, if they are no more than 256, and else the newest 128.
TEST_P(Children, AreCalledOnTheirParentsStack) {
    const auto [children, order] = GetParam();
    const std::vector<bool> called = called_of(GetParam());
    const bool all = order == Order::AsSpawned || children <= 256;
    const std::size_t first = all ? 0 : children - 128;
    EXPECT_GE(count(called, first), children - first - may_be_refused(children - first));
}

std::vector<Family> families() {
    std::vector<Family> all;
    for (const Order order : {Order::AsSpawned, Order::Reverse, Order::Shuffled}) {
        for (const std::size_t children : {1U, 2U, 10U, 256U, 258U, 300U, 2000U}) {
            all.push_back({children, order});
        }
    }
    return all;
}
INSTANTIATE_TEST_SUITE_P(Each, Children, ::testing::ValuesIn(families()));

// Goal: where nothing waits for the loop, more of them are called in a row than it runs in a turn: here the 64th
// is not refused.
TEST(InPlaceAlone, NoTurnIsMadeForNobody) {
    std::size_t most = 0;
    constexpr std::size_t kChildren = 70;
    constexpr int kTries = 50;  // the loop looks around every 100 microseconds
    for (int i = 0; i < kTries && most < kChildren; ++i) {
        most = std::max(most, count(called_of({kChildren, Order::AsSpawned}), 0));
    }
#ifdef __OPTIMIZE__
    if (!kAsan && !kTsan) {
        EXPECT_EQ(most, kChildren);
    }
#endif
}

// Goal: with others who may take them, each runs once, and its result is the right one.
TEST_P(InPlace, ChildrenInAnyOrder) {
    run([] {
        for (const Order order : {Order::AsSpawned, Order::Reverse, Order::Shuffled}) {
            for (const std::size_t count : {10U, 300U, 2000U}) {
                const auto parent = [=] {
                    std::vector<int> ran(count);  // plain: each its own
                    std::vector<Task<std::size_t>> children;
                    for (std::size_t i = 0; i < count; ++i) {
                        children.push_back(spawn([&ran, i] {
                            ++ran[i];
                            return i;
                        }));
                    }
                    for (const std::size_t i : in(order, count)) {
                        EXPECT_EQ(await(children[i]), i);
                    }
                    EXPECT_EQ(ran, std::vector<int>(count, 1));
                };
                std::vector<Task<void>> parents;
                for (int i = 0; i < 3; ++i) {
                    parents.push_back(spawn(parent));
                }
                for (const Task<void>& each : parents) {
                    await(each);
                }
            }
        }
    });
}

// ---- trees

/// Counts the leaves of a tree by a task for each node.
long leaves(int depth, int fan, Order order, Stacks& stacks) {
    if (depth == 0) {
        stacks.add();
        return 1;
    }
    std::vector<Task<long>> children;
    for (int i = 0; i < fan; ++i) {
        children.push_back(spawn([=, &stacks] { return leaves(depth - 1, fan, order, stacks); }));
    }
    if (order == Order::Reverse) {
        std::reverse(children.begin(), children.end());
    }
    long sum = 0;
    for (const Task<long>& child : children) {
        sum += await(child);
    }
    return sum;
}

struct Tree {
    int depth;
    int fan;
    long leaves;
};
constexpr std::array kTrees{
    kTsan || kAsan ? Tree{12, 2, 4096} : Tree{18, 2, 262'144},
    kTsan || kAsan ? Tree{3, 10, 1000} : Tree{4, 10, 10'000}};

/// On how many stacks so many tasks may stand on one worker, of which no more than `depth` wait for one
/// another: each 64th call may be refused, and that turn may begin another branch.
std::size_t stacks_for(long tasks, int depth) {
    return static_cast<std::size_t>(depth) + 3 + 2 * static_cast<std::size_t>(tasks / 64);
}

// Goal: a tree of tasks has its sum, and where nobody else takes from it, most of it is calls.
TEST_P(InPlace, Trees) {
    for (const Tree& tree : kTrees) {
        for (const Order order : {Order::AsSpawned, Order::Reverse}) {
            Stacks stacks;
            const long sum = run([&] {
                return await(spawn([&] { return leaves(tree.depth, tree.fan, order, stacks); }));
            });
            EXPECT_EQ(sum, tree.leaves);
            if (workers() == 1) {
                EXPECT_LE(stacks.count(), stacks_for(2 * tree.leaves, tree.depth));
            }
        }
    }
}

// Goal: a small one, which is over before the loop has to turn, stands on one stack.
TEST(InPlaceAlone, ASmallTreeStandsOnOneStack) {
    for (const Order order : {Order::AsSpawned, Order::Reverse}) {
        Stacks stacks;
        EXPECT_EQ(run_alone([&] { return leaves(4, 2, order, stacks); }), 16);
        EXPECT_EQ(stacks.count(), 1U);
    }
}

/// A chain of tasks, each of which awaits the next.
long chain(long length, Stacks& stacks) {
    stacks.add();
    return length == 0 ? 0 : 1 + await(spawn([=, &stacks] { return chain(length - 1, stacks); }));
}

/// A chain, each of whose tasks has another child beside.
long comb(long length, bool tooth_first, Stacks& stacks) {
    if (length == 0) {
        return 0;
    }
    auto tooth = spawn([&stacks] {
        stacks.add();
        return 1L;
    });
    auto rest = spawn([=, &stacks] { return comb(length - 1, tooth_first, stacks); });
    stacks.add();
    if (tooth_first) {
        const long one = await(tooth);
        return one + await(rest);
    }
    const long sum = await(rest);
    return sum + await(tooth);
}

/// Of tasks that wait for one another, how many fit on a stack at least.
constexpr std::size_t kOnOneStack = 16;

// Goal: what is deeper than a stack has room for goes on on others, and on no more of them than it takes where
// nobody else takes a part; what waits beside it is not forgotten.
TEST_P(InPlace, DeeperThanAStack) {
    constexpr std::size_t kLength = kTsan ? 500 : 5000;
    const auto sum_of = [](auto&& f) { return run([&] { return await(spawn(f)); }); };
    const std::size_t most = workers() == 1 ? kLength / kOnOneStack : 3 * kLength;
    Stacks of_chain;
    EXPECT_EQ(sum_of([&] { return chain(kLength, of_chain); }), kLength);
    EXPECT_GT(of_chain.count(), 1U);
    EXPECT_LE(of_chain.count(), most);
    for (const bool tooth_first : {true, false}) {
        Stacks of_comb;
        EXPECT_EQ(sum_of([&] { return comb(kLength, tooth_first, of_comb); }), kLength);
        EXPECT_LE(of_comb.count(), most);
    }
}

// ---- what becomes of one that stands in the middle

/// A parent of more children than a loop shows to others, which awaits one of the middle.
constexpr std::size_t kMany = 40;
constexpr std::size_t kMiddle = 20;

/// All but that one have run, each once.
void expect_others_ran(const std::vector<int>& ran) {
    for (std::size_t i = 0; i < ran.size(); ++i) {
        EXPECT_TRUE(i == kMiddle || ran[i] == 1) << i;
    }
}

// Goal: a cancellation of the parent comes to the child that was called in its place, and back.
TEST_P(InPlace, ParentIsCancelledWhileAChildOfTheMiddleWaits) {
    run([] {
        std::string trace;
        std::vector<int> ran(kMany);
        auto parent = spawn([&] {
            std::vector<Task<void>> children;
            for (std::size_t i = 0; i < kMany; ++i) {
                children.push_back(spawn([&, i, stack = own_stack()] {
                    if (i != kMiddle) {
                        ++ran[i];
                        return;
                    }
                    EXPECT_TRUE(own_stack() == stack || workers() > 1);
                    try {
                        sleep(std::chrono::hours(1));
                    } catch (const CancelledError& error) {
                        trace += "child:" + error.message();
                        yield();
                        trace += " cleaned";
                        throw;
                    }
                }));
            }
            try {
                await(children[kMiddle]);
            } catch (const CancelledError& error) {
                trace += " parent:" + error.message();
                EXPECT_TRUE(children[kMiddle].cancelled());
                throw;
            }
        });
        settle();
        expect_others_ran(ran);
        EXPECT_TRUE(parent.cancel("down"));
        EXPECT_THROW(await(parent), CancelledError);
        EXPECT_EQ(trace, "child:down cleaned parent:down");
    });
}

// Goal: one that cancels its parent while it runs in its place is not told, but the parent is.
TEST_P(InPlace, AChildOfTheMiddleCancelsItsParent) {
    run([] {
        std::vector<int> ran(kMany);
        std::vector<Task<void>> children;
        auto parent = spawn([&] {
            const AnyTask self = current_task();
            for (std::size_t i = 0; i < kMany; ++i) {
                children.push_back(spawn([&ran, i, self] {
                    ++ran[i];
                    if (i == kMiddle) {
                        self.cancel("from below");
                    }
                }));
            }
            await(children[kMiddle]);
            EXPECT_GT(workers(), 1);  // it was done already, elsewhere
            yield();
            ADD_FAILURE() << "the parent went on";
        });
        EXPECT_THROW(await(parent), CancelledError);
        for (const Task<void>& child : children) {
            child.wait();
            EXPECT_TRUE(!child.cancelled() || workers() > 1);
        }
        expect_others_ran(ran);
        EXPECT_EQ(ran[kMiddle], 1);
    });
}

// Goal: an exception of such a child is the parent's who awaits it, and nobody else's.
TEST_P(InPlace, AChildOfTheMiddleThrows) {
    run([] {
        auto parent = spawn([] {
            std::vector<int> ran(kMany);
            std::vector<Task<void>> children;
            for (std::size_t i = 0; i < kMany; ++i) {
                children.push_back(spawn([&ran, i] {
                    ++ran[i];
                    if (i == kMiddle) {
                        throw std::out_of_range("of the middle");
                    }
                }));
            }
            const auto what = text_of<std::out_of_range>([&children] { await(children[kMiddle]); });
            EXPECT_EQ(what, "of the middle");
            EXPECT_EQ(std::uncaught_exceptions(), 0);
            children.erase(children.begin() + kMiddle);
            for (const Task<void>& child : children) {
                await(child);
            }
            expect_others_ran(ran);
        });
        await(parent);
    });
}

// Goal: one that was called from the middle and waits there lets the others run, and comes back.
TEST_P(InPlace, AChildOfTheMiddleWaits) {
    run([] {
        auto parent = spawn([] {
            std::vector<int> ran(kMany);
            std::atomic<std::size_t> ended{0};
            std::vector<Task<std::size_t>> children;
            for (std::size_t i = 0; i < kMany; ++i) {
                children.push_back(spawn([&, i] {
                    ++ran[i];
                    while (i == kMiddle && ended.load() < kMany - 1) {
                        yield();
                    }
                    return ended.fetch_add(1);
                }));
            }
            EXPECT_EQ(await(children[kMiddle]), kMany - 1);
            EXPECT_EQ(ran, std::vector<int>(kMany, 1));
            for (const Task<std::size_t>& child : children) {
                child.wait();
            }
        });
        await(parent);
    });
}

// Goal: one that has begun cannot be called; but it goes on next, before those that are older.
TEST(InPlaceAlone, OneThatHasBegunIsNext) {
    for (const std::size_t which : {std::size_t{0}, kMiddle, kMany - 1}) {
        run_alone([which] {
            std::vector<std::size_t> went_on;
            std::vector<Task<void>> children;
            for (std::size_t i = 0; i < kMany; ++i) {
                children.push_back(spawn([&went_on, i] {
                    yield();
                    went_on.push_back(i);
                }));
            }
            yield();  // they have all begun
            ASSERT_TRUE(went_on.empty());
            await(children[which]);
            const auto at = std::find(went_on.begin(), went_on.end(), which);
            EXPECT_LE(at - went_on.begin(), 1);  // after some in a row the oldest has its turn
            for (const Task<void>& child : children) {
                await(child);
            }
            std::sort(went_on.begin(), went_on.end());
            EXPECT_EQ(went_on, in(Order::AsSpawned, kMany));
        });
    }
}

// Goal: one that was cancelled before it began, wherever it stands, is never begun by the one who awaits it.
TEST(InPlaceAlone, OneThatWasCancelledBeforeItBegan) {
    for (const std::size_t count : {3U, 40U, 300U, 2000U}) {
        for (const std::size_t which : {std::size_t{0}, count / 2, count - 2, count - 1}) {
            run_alone([=] {
                std::vector<int> ran(count);
                std::vector<Task<void>> children;
                for (std::size_t i = 0; i < count; ++i) {
                    children.push_back(spawn([&ran, i] { ++ran[i]; }));
                }
                EXPECT_TRUE(children[which].cancel("not you"));
                EXPECT_EQ(text_of_cancelled([&] { await(children[which]); }), "not you")
                    << which << " of " << count;
                EXPECT_TRUE(children[which].cancelled());
                children.erase(children.begin() + static_cast<std::ptrdiff_t>(which));
                for (const Task<void>& child : children) {
                    await(child);
                }
                std::vector<int> expected(count, 1);
                expected[which] = 0;
                EXPECT_EQ(ran, expected);
            });
        }
    }
}

}  // namespace
}  // namespace weft::test
