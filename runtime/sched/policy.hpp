#pragma once

#include <cstdint>

namespace weft::rt {

/// What the scheduler does by number: each a compromise that was measured on some machine. WEFT_POLICY
/// changes them, "name=value,name=value", so that another machine can be asked.
struct Policy {
    /// Stealable tasks that a turn runs before the pinned ones have their turn again; more when there are
    /// more of those, as both kinds are to have the same share.
    int quantum = 32;
    /// Tasks that are switched to or called directly before a turn looks at everything else again.
    int runs_per_turn = 64;
    /// How long I/O and timers may wait for a loop that always has something ready, us.
    int poll_every_us = 100;
    /// Tasks that the slot may give in a row before the ring, which others wait in, has its turn.
    int slot_streak = 3;
    /// How long an owner has to have left alone what it keeps to itself, its slot first, for a thief to take it
    /// from there, us: two that wake each other all the time are faster side by side. And how often the thief
    /// looks elsewhere meanwhile.
    int slot_hesitation_us = 30;
    int slot_pass_every_us = 3;
    /// Tasks that stand where thieves see them, before the loop keeps any to itself.
    int public_at_least = 8;
    /// From when on more are of no use to thieves.
    int public_at_most = 64;
    /// A worker that was chosen in vain sleeps unannounced for a while, so that work which its owner is
    /// faster with wakes nobody again and again: at least and at most, us.
    int shortest_nap_us = 50;
    int longest_nap_us = 2'000;
    /// For how long a worker that finds nothing goes on looking, if that was worth it lately, us. Not at all where
    /// there are fewer CPUs than workers, a quota, only one loop, virtual time, or no stealable work so far.
    int spin_us = 20;
    /// How often the rescuer looks, and when a loop counts as stuck, us. Together with the look that finds
    /// it, what waits there is served within 25 ms.
    int rescue_every_us = 5'000;
    int stuck_after_us = 10'000;

    /// What WEFT_POLICY says; a part of it that is not understood is named in the log, and left out.
    [[nodiscard]] static Policy from_environment();
};

}  // namespace weft::rt
