#include <gtest/gtest.h>

#include <array>

#include "base/atomic.hpp"
#include "model/expect.hpp"
#include "model/model_queue.hpp"
#include "sched/inbox.hpp"

// Goal: the inbox counts for itself. Whoever reads 0 by an RMW may sleep, though the queue lies about
// being empty; and what comes out is complete.

namespace weft::model {
namespace {

struct InboxItem {
    Plain<int> payload{0};
    QueueEdge handed_over;
    int taken = 0;
};

using TestInbox = rt::Inbox<InboxItem, Atomic, ModelQueue<InboxItem>>;

struct InboxState {
    TestInbox inbox;
    std::array<InboxItem, 4> items;
    Atomic<int> asleep{0};
    Signal bell;
    int came = 0;

    void put(std::size_t item) {
        items[item].payload = 1;
        require(inbox.put(items[item]), "there is memory");
        if (asleep.load(rt::relaxed) != 0) {
            bell.raise();
        }
    }
    std::size_t take(TestInbox::Token& token, std::size_t most) {
        std::array<InboxItem*, 4> out{};
        const std::size_t count = inbox.take(token, out.data(), most);
        for (std::size_t i = 0; i < count; ++i) {
            require(out[i]->payload == 1, "an element is complete");
            require(++out[i]->taken == 1, "an element is taken once");
            ++came;
        }
        return count;
    }
};

constexpr std::array kProducers{"producer 0", "producer 1", "producer 2"};
constexpr std::array kConsumers{"consumer 0", "consumer 1"};

void produce(Execution& run, InboxState& state, int producers, int each) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(producers); ++i) {
        run.thread(kProducers[i], [&state, i, each] {
            for (std::size_t n = 0; n < static_cast<std::size_t>(each); ++n) {
                state.put(i * static_cast<std::size_t>(each) + n);
            }
        });
    }
}

/// One who takes until all have come, and sleeps when the count says that nothing is there.
Scenario sleeper(int producers, int each, int lies) {
    return [=](Execution& run) {
        auto& state = run.make<InboxState>("inbox");
        lies_of_queues = lies;
        run.thread("consumer", [&state, producers, each] {
            TestInbox::Token token = state.inbox.make_token();
            while (state.came < producers * each) {
                if (state.take(token, 2) != 0) {
                    continue;
                }
                state.asleep.store(1, rt::relaxed);
                if (!state.inbox.look_closely()) {
                    state.bell.await();
                } else {
                    pass();  // it is about to be there
                }
                state.asleep.store(0, rt::relaxed);
            }
        });
        produce(run, state, producers, each);
        run.at_end([&state] { require(state.inbox.size() == 0, "the count comes back to 0"); });
    };
}

/// Several who take one by one; the count is never less than what is in.
Scenario share(int producers, int each, int consumers) {
    return [=](Execution& run) {
        auto& state = run.make<InboxState>("inbox");
        lies_of_queues = 0;
        for (std::size_t i = 0; i < static_cast<std::size_t>(consumers); ++i) {
            run.thread(kConsumers[i], [&state, producers, each] {
                TestInbox::Token token = state.inbox.make_token();
                while (state.came < producers * each) {
                    require(state.inbox.size() <= 4, "the count does not go below 0");
                    if (state.inbox.looks_empty() || state.take(token, 1) == 0) {
                        pass();
                    }
                }
            });
        }
        produce(run, state, producers, each);
        run.at_end([&state] { require(state.inbox.size() == 0, "the count comes back to 0"); });
    };
}

TEST(Inbox, OneProducerASleeper) {
    expect_holds(sleeper(1, 1, 0));
}
TEST(Inbox, OneProducerOfTwoASleeper) {
    expect_holds(sleeper(1, 2, 0));
}
TEST(Inbox, TwoProducersASleeper) {
    expect_holds(sleeper(2, 1, 0));
}
TEST(Inbox, TwoProducersOfTwoASleeper) {
    expect_holds(sleeper(2, 2, 0), {.preemptions = 2, .stale_reads = 2});
}
TEST(Inbox, AQueueThatLies) {
    expect_holds(sleeper(1, 1, 1));
    expect_holds(sleeper(2, 1, 1));
}
TEST(Inbox, OneProducerTwoConsumers) {
    expect_holds(share(1, 1, 2));
}
TEST(Inbox, TwoProducersTwoConsumers) {
    expect_holds(share(2, 1, 2), {.preemptions = 3, .stale_reads = 1});
}
TEST(Inbox, ThreeProducers) {
    expect_holds(share(3, 1, 1), {.preemptions = 2, .stale_reads = 2});
}

using Change = Mutation::Change;

TEST(InboxMutant, TheSleeperOnlyLoads) {
    expect_found(sleeper(1, 1, 0), {"inbox.hpp", "look_closely", Change::LoadOnly}, "sleeps");
}
TEST(InboxMutant, PutInTwoSteps) {
    expect_found(sleeper(2, 1, 0), {"inbox.hpp", "put", Change::Split, "fetch_add"}, "");
}
TEST(InboxMutant, PutWithoutOrder) {
    expect_found(sleeper(1, 1, 0), {"inbox.hpp", "put", Change::NoOrder, "fetch_add"}, "sleeps");
}
TEST(InboxMutant, TakeInTwoSteps) {
    expect_found(share(2, 1, 2), {"inbox.hpp", "take", Change::Split, "fetch_sub"}, "");
}

}  // namespace
}  // namespace weft::model
