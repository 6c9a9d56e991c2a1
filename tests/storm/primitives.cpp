#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <weft/event.hpp>
#include <weft/loop.hpp>

#include "storm/actor.hpp"
#include "storm/findings.hpp"
#include "storm/plant.hpp"

namespace weft::storm {

void use_lock(Actor& actor) {
    Guarded& guarded = actor.world.guarded[actor.dice.one_in(2) ? 1 : 0];
    if (!actor.insist([&] { guarded.lock.acquire(); })) {
        return;
    }
    const std::unique_lock held(guarded.lock, std::adopt_lock);
    if (guarded.inside.fetch_add(1) != 0) {
        find("two have a lock at once");
    }
    const std::uint64_t before = guarded.value;
    actor.pause_quietly();
    if (!planted(Plant::UpdateLost)) {
        guarded.value = before + 1;
    }
    guarded.sections.fetch_add(1);
    guarded.inside.fetch_sub(1);
}

void use_permit(Actor& actor) {
    Permits& permits = actor.world.permits[actor.dice.one_in(2) ? 1 : 0];
    if (!actor.insist([&] { permits.semaphore.acquire(); })) {
        return;
    }
    struct Release {
        Permits& permits;
        ~Release() {
            permits.out.fetch_sub(1);
            if (!planted(Plant::PermitLeaked)) {
                permits.semaphore.release();
            }
        }
    } const release{permits};
    if (permits.out.fetch_add(1) >= permits.count) {
        find("more permits are out than there are");
    }
    actor.pause();
}

/// One token is announced for each that is taken, from wherever the task for it runs.
void use_token(Actor& actor) {
    World& world = actor.world;
    Tokens& tokens = world.tokens;
    const auto announcer =
        world.launch(actor.dice, actor.in_task, [&world, &tokens, dice = actor.dice.fork()] {
            Actor self(world, dice, true);
            self.pause_quietly();
            static_cast<void>(self.insist([&] {
                const std::unique_lock lock(tokens.condition);
                ++tokens.there;
                ++tokens.made;
                tokens.condition.notify();
            }));
        });
    static_cast<void>(actor.insist([&] {
        const std::unique_lock lock(tokens.condition);
        tokens.condition.wait_for([&] { return tokens.there > 0; });
        --tokens.there;
        if (!planted(Plant::TokenLost)) {
            ++tokens.taken;
        }
    }));
    actor.see_end(announcer);
}

namespace {

/// A task that nobody will ever get off its loop again.
[[noreturn]] void keep_loop() {
    for (;;) {
        std::this_thread::sleep_for(std::chrono::seconds(1));
    }
}

/// Who waits may destroy the event at once, while set() returns elsewhere.
void meet_at_an_event_of_ones_own(Actor& actor) {
    World& world = actor.world;
    std::optional<Event> event(std::in_place);
    const auto setter = world.launch(
        actor.dice,
        actor.in_task,
        [&world, &event = *event, dice = actor.dice.fork()] {
            Actor(world, dice, true).pause_quietly();
            if (!world.harsh && planted(Plant::WakeLost)) {
                return;
            }
            if (!world.harsh && planted(Plant::LoopKept)) {
                keep_loop();
            }
            event.set();
        }
    );
    if (!actor.insist([&] { event->wait(); })) {
        actor.see_end(setter);
    }
    event.reset();
    actor.see_end(setter);
}

}  // namespace

void meet(Actor& actor) {
    const int how = actor.dice.between(0, 3);
    if (how < 2) {
        meet_at_an_event_of_ones_own(actor);
        return;
    }
    const auto event = std::make_shared<Event>();
    if (how == 2) {
        actor.world.any_loop(actor.dice).call_soon_threadsafe([event] { event->set(); });
    } else {
        actor.world.helpers->post([event] { event->set(); });
    }
    static_cast<void>(actor.insist([&] { event->wait(); }));
}

}  // namespace weft::storm
