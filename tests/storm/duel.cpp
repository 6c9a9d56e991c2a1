#include <memory>
#include <vector>
#include <weft/event.hpp>
#include <weft/future.hpp>
#include <weft/loop.hpp>

#include "storm/actor.hpp"
#include "storm/findings.hpp"
#include "storm/plant.hpp"

namespace weft::storm {
namespace {

/// One future, which several want to end and several wait for, from loops and plain threads.
struct Match {
    explicit Match(Loop& loop) : future(loop.create_future<std::uint64_t>()) {}

    void set(std::uint64_t value) {
        try {
            future.set_result(value);
            sets.fetch_add(1);
            result.store(value);
            if (planted(Plant::FutureTwice)) {
                sets.fetch_add(1);
            }
        } catch (const InvalidStateError&) {
            refused.fetch_add(1);
        }
    }
    void cancel() {
        if (future.cancel()) {
            cancels.fetch_add(1);
        }
    }
    void await(bool in_task) {
        try {
            seen.store(weft::await(future));
        } catch (const CancelledError&) {
            // A waiting task that was cancelled itself may have handed that on.
            if (in_task) {
                waiter_cancelled.store(true);
            }
            if (!in_task && !future.cancelled()) {
                find(
                    "a thread that waited for a future was told that it was cancelled: it has a "
                    "result"
                );
            }
        }
    }
    void judge(bool ending) const;

    Future<std::uint64_t> future;
    std::atomic<int> sets{0};
    std::atomic<int> refused{0};
    std::atomic<int> cancels{0};
    std::atomic<bool> waiter_cancelled{false};
    std::atomic<std::uint64_t> result{0};
    std::atomic<std::uint64_t> seen{0};
    std::atomic<int> told{0};
    Event callback_called;
    Event helper_done;
};

/// After everybody is done with it.
void Match::judge(bool ending) const {
    if (sets + cancels > 1) {
        find(
            "a future was ended twice: by " + std::to_string(sets) + " sets and " +
            std::to_string(cancels) + " cancels"
        );
    }
    if (!future.done()) {
        find("a future is pending although set_result() has returned");
        return;
    }
    if (sets == 0 && cancels == 0 && !waiter_cancelled && !ending) {
        find("nobody has ended a future that is done");
    }
    if (future.cancelled() == (sets > 0)) {
        find("a future did not end as whoever ended it was told");
    }
    if (!future.cancelled() && future.result() != result) {
        find("a future has another result than it was given");
    }
    if (seen != 0 && seen != result) {
        find("who waited for a future saw another result than it was given");
    }
    if (told != 1 && !ending) {
        find("a done-callback was called " + std::to_string(told) + " times");
    }
}

void take_part(Actor& self, Match& match, int how, std::uint64_t value) {
    switch (how) {
        case 0:
            match.set(value);
            break;
        case 1:
            match.cancel();
            break;
        default:
            match.await(self.in_task);
    }
}

}  // namespace

void duel(Actor& actor) {
    World& world = actor.world;
    const auto match = std::make_shared<Match>(world.any_loop(actor.dice));
    match->future.add_done_callback([match](const auto&) {
        match->told.fetch_add(1);
        match->callback_called.set();
    });
    std::vector<Task<void>> others;
    for (int who = actor.dice.between(2, 4); who > 0; --who) {
        const int how = actor.dice.between(0, 4);  // most wait
        others.push_back(world.launch(
            actor.dice,
            actor.in_task,
            [&world, match, how, dice = actor.dice.fork()]() mutable {
                const std::uint64_t value = dice.next() | 1U;
                Actor self(world, dice, true);
                self.pause_quietly();
                take_part(self, *match, how, value);
            }
        ));
    }
    world.helpers->post([&world, match, dice = actor.dice.fork()]() mutable {
        const std::uint64_t value = dice.next() | 1U;
        Actor self(world, dice, false);
        take_part(self, *match, dice.between(0, 4), value);
        match->helper_done.set();
    });
    if (actor.dice.one_in(2)) {
        others[static_cast<std::size_t>(actor.dice.between(0, static_cast<int>(others.size()) - 1))]
            .cancel();
    }
    actor.pause_quietly();
    match->set(actor.dice.next() | 1U);  // whoever was before, it is done now
    for (const auto& other : others) {
        actor.see_end(other);
    }
    // A helper that waits has what it waits for, so it comes to an end; a callback's loop may not.
    actor.see_set(match->helper_done);
    const bool called = actor.insist([&] { match->callback_called.wait(); });
    match->judge(!called || world.ending);
}

}  // namespace weft::storm
