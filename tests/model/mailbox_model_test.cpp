#include <gtest/gtest.h>

#include <array>

#include "model/expect.hpp"
#include "sched/mailbox.hpp"

namespace weft::model {
namespace {

struct Letter {
    Plain<Letter*> next{nullptr};
    Plain<int> payload{0};
    int read = 0;
};

struct Post {
    rt::Mailbox<Letter, Atomic> mailbox;
    Signal reactor;
    std::array<Letter, 4> letters;
    int came = 0;
    int sleeps = 0;
    int wakes = 0;
    std::array<int, 2> last{-1, -1};  // of each sender, the letter that came last

    void send(std::size_t letter) {
        letters[letter].payload = 1;
        if (mailbox.push(letters[letter])) {
            ++wakes;
            reactor.raise();
        }
    }
    void notify() {
        if (mailbox.notify()) {
            ++wakes;
            reactor.raise();
        }
    }
    /// The loop, until `all` letters have come. Sender s sends letters 2s and 2s + 1.
    void receive(int all) {
        while (came < all) {
            for (Letter* letter = mailbox.drain(); letter != nullptr; letter = letter->next) {
                const auto number = static_cast<int>(letter - letters.data());
                require(letter->payload == 1, "a letter is complete");
                require(letter->read++ == 0, "a letter comes once");
                int& before = last[static_cast<std::size_t>(number / 2)];
                require(before < number, "the letters of one sender come in their order");
                before = number;
                ++came;
            }
            if (came < all) {
                sleep();
            }
        }
    }
    void sleep() {
        if (!mailbox.try_park()) {
            return;
        }
        ++sleeps;
        reactor.await();
        static_cast<void>(mailbox.unpark());
    }
};

Scenario letters(int senders, int each) {
    return [=](Execution& run) {
        auto& post = run.make<Post>("post");
        run.thread("loop", [&post, senders, each] { post.receive(senders * each); });
        static constexpr std::array kNames{"sender 0", "sender 1"};
        for (int s = 0; s < senders; ++s) {
            run.thread(kNames[static_cast<std::size_t>(s)], [&post, s, each] {
                for (int i = 0; i < each; ++i) {
                    post.send(static_cast<std::size_t>(2 * s + i));
                }
            });
        }
        run.at_end([&post] { require(post.wakes <= post.sleeps, "one wake-up for each sleep"); });
    };
}

/// A flag that is told by notify(): the loop looks at it once in each turn.
Scenario told() {
    struct State : Post {
        Atomic<bool> flag{false};
    };
    return [](Execution& run) {
        auto& state = run.make<State>("state");
        run.thread("loop", [&state] {
            for (;;) {
                static_cast<void>(state.mailbox.drain());
                if (state.flag.load(rt::relaxed)) {
                    return;
                }
                state.sleep();
            }
        });
        run.thread("teller", [&state] {
            state.notify();  // an old word, over which the next one has to be told
            state.flag.store(true, rt::relaxed);
            state.notify();
        });
    };
}

/// A letter and a word at the same time: neither covers the other.
Scenario letter_and_word() {
    struct State : Post {
        Atomic<bool> flag{false};
    };
    return [](Execution& run) {
        auto& state = run.make<State>("state");
        run.thread("loop", [&state] {
            state.receive(1);
            while (!state.flag.load(rt::relaxed)) {
                state.sleep();
                static_cast<void>(state.mailbox.drain());
            }
        });
        run.thread("sender", [&state] { state.send(0); });
        run.thread("teller", [&state] {
            state.flag.store(true, rt::relaxed);
            state.notify();
        });
    };
}

/// Two letters that other means put in an order come in that order.
Scenario total_order() {
    struct State : Post {
        Signal sent;  // orders nothing in memory
    };
    return [](Execution& run) {
        auto& state = run.make<State>("state");
        run.thread("first", [&state] {
            state.send(0);
            state.sent.raise();
        });
        run.thread("second", [&state] {
            state.sent.await();
            state.send(1);
        });
        run.thread("loop", [&state] { state.receive(2); });
    };
}

/// One asks twice whether the loop sleeps and how much it has run, and looks around in between: equal answers
/// mean that nothing has run meanwhile, so that what was seen holds together.
Scenario stillness() {
    struct State : Post {
        Atomic<int> runs{0};
        Atomic<int> armed{1};  // by the loop, anew in each run
    };
    return [](Execution& run) {
        auto& state = run.make<State>("state");
        run.thread("loop", [&state] {
            for (int i = 1; i <= 2; ++i) {
                state.armed.store(0, rt::relaxed);  // it is on its way
                state.armed.store(1, rt::relaxed);
                state.runs.store(i, rt::relaxed);
                if (state.mailbox.try_park()) {
                    static_cast<void>(state.mailbox.unpark());
                }
            }
        });
        run.thread("looker", [&state] {
            // Before the look: what is read there cannot be of a run that begins after it.
            const int before = state.runs.load(rt::relaxed);
            if (!state.mailbox.look_closely_whether_asleep()) {
                return;
            }
            const int armed = state.armed.load(rt::relaxed);
            if (state.mailbox.look_closely_whether_asleep() &&
                state.runs.load(rt::relaxed) == before) {
                require(armed == 1, "a loop that has run nothing in between is seen as it is");
            }
        });
    };
}

TEST(Mailbox, StillnessIsSeenTwice) {
    expect_holds(stillness());
}
TEST(Mailbox, PushAgainstPark) {
    expect_holds(letters(1, 2));
}
TEST(Mailbox, TwoSenders) {
    expect_holds(letters(2, 1));
}
TEST(Mailbox, TwoSendersOfTwo) {
    expect_holds(letters(2, 2), {.preemptions = 2, .stale_reads = 2});
}
TEST(Mailbox, SpuriousFailures) {
    expect_holds(letters(1, 1), {.preemptions = 2, .stale_reads = 2, .spurious_failures = 2});
}
TEST(Mailbox, NotifyAgainstPark) {
    expect_holds(told());
}
TEST(Mailbox, PushAgainstNotifyAgainstPark) {
    expect_holds(letter_and_word(), {.preemptions = 2, .stale_reads = 2});
}
TEST(Mailbox, TotalOrder) {
    expect_holds(total_order());
}

using Change = Mutation::Change;
constexpr const char* kFile = "mailbox.hpp";

TEST(MailboxMutant, PushWithoutRelease) {
    expect_found(letters(1, 1), {kFile, "push", Change::NoRelease, nullptr}, "data race");
}
TEST(MailboxMutant, DrainWithoutAcquire) {
    expect_found(letters(1, 1), {kFile, "drain", Change::NoAcquire, nullptr}, "data race");
}
TEST(MailboxMutant, PushInTwoSteps) {
    expect_found(letters(2, 1), {kFile, "push", Change::Split, nullptr}, "");
}
TEST(MailboxMutant, ParkInTwoSteps) {
    expect_found(letters(1, 1), {kFile, "try_park", Change::Split, nullptr}, "nobody will wake");
}
TEST(MailboxMutant, ParkWithoutRelease) {
    expect_found(stillness(), {kFile, "try_park", Change::NoRelease, nullptr}, "is seen as it is");
}
TEST(MailboxMutant, LookWithoutAcquire) {
    expect_found(
        stillness(),
        {kFile, "look_closely_whether_asleep", Change::NoAcquire, nullptr},
        "is seen as it is"
    );
}
TEST(MailboxMutant, NotifyOnlyLoadsWhereItFindsAWord) {
    expect_found(told(), {kFile, "notify", Change::LoadOnly, nullptr}, "nobody will wake");
}
TEST(MailboxMutant, NotifyWithoutRelease) {
    expect_found(told(), {kFile, "notify", Change::NoRelease, nullptr}, "nobody will wake");
}
TEST(MailboxMutant, DrainWithoutAcquireLosesTheWord) {
    expect_found(told(), {kFile, "drain", Change::NoAcquire, nullptr}, "nobody will wake");
}

}  // namespace
}  // namespace weft::model
