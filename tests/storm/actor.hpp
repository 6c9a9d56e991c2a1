#pragma once

#include <chrono>
#include <thread>
#include <vector>
#include <weft/errors.hpp>
#include <weft/event.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>
#include <weft/timeout.hpp>
#include <weft/wait.hpp>

#include "storm/world.hpp"

namespace weft::storm {

/// Who does one operation after the other: a task, or a plain thread.
class Actor {
public:
    Actor(World& of, Dice decisions, bool is_task) : world(of), dice(decisions), in_task(is_task) {}

    /// Waits by `wait()` until it returns, however often it is cancelled or late meanwhile: so each
    /// put has its get, and nobody waits for what never comes. False: the runtime is ending.
    template <class Wait>
    [[nodiscard]] bool insist(Wait wait) {
        while (!world.ending) {
            try {
                if (in_task && dice.one_in(8)) {
                    weft::timeout(std::chrono::microseconds(dice.between(0, 300)), wait);
                } else {
                    wait();
                }
                return true;
            } catch (const CancelledError&) {
                note_cancelled();
            } catch (const TimeoutError&) {
                world.board.totals.late.fetch_add(1, std::memory_order_relaxed);
            }
        }
        return false;
    }

    /// Returns when the task has ended; a cancellation of the actor is not handed on to it.
    template <class T>
    void see_end(const Task<T>& task) {
        while (!task.done()) {
            try {
                static_cast<void>(weft::wait(std::vector{task}));
            } catch (const CancelledError&) {
                note_cancelled();
            }
        }
    }

    /// Returns when the event is set, also where the runtime is ending.
    void see_set(Event& event) {
        while (!event.is_set()) {
            try {
                event.wait();
            } catch (const CancelledError&) {
                note_cancelled();
            }
        }
    }

    /// Lets others go on: for nothing, a turn, or a while. It may be cancelled in it.
    void pause() {
        const int how = dice.between(0, 3);
        if (!in_task) {
            if (how == 0) {
                std::this_thread::yield();
            }
        } else if (how == 1) {
            weft::yield();
        } else if (how == 2) {
            weft::sleep(std::chrono::microseconds(dice.between(0, 200)));
        }
    }
    /// The same where something must not be left half done.
    void pause_quietly() {
        try {
            pause();
        } catch (const CancelledError&) {
            note_cancelled();
        }
    }

    void note_cancelled() {
        world.board.totals.cancelled.fetch_add(1, std::memory_order_relaxed);
        // As one should who goes on after it; not always, as many do not.
        if (in_task && !dice.one_in(4)) {
            current_task().uncancel();
        }
    }

    World& world;
    Dice dice;
    const bool in_task;
};

/// Does one operation that the dice choose. Throws CancelledError where it was cancelled and had
/// nothing to see to.
void act(Actor& actor);

// The operations, by file.
void use_lock(Actor& actor);        // primitives.cpp
void use_permit(Actor& actor);      // primitives.cpp
void use_token(Actor& actor);       // primitives.cpp
void meet(Actor& actor);            // primitives.cpp
void trade_item(Actor& actor);      // trade.cpp
void trade_parcel(Actor& actor);    // trade.cpp
void duel(Actor& actor);            // duel.cpp
void run_group(Actor& actor);       // scopes.cpp
void gather_some(Actor& actor);     // scopes.cpp
void cancel_sleeper(Actor& actor);  // scopes.cpp

}  // namespace weft::storm
