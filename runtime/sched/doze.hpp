#pragma once

#include "base/atomic.hpp"

namespace weft::rt {

/// How the rescuer sleeps while every loop does, so that an idle process has no wake-ups, and misses no
/// loop that wakes up:
///
///   the rescuer                               a loop that wakes up
///   1. begin: dozing = true                   1. Mailbox::unpark: an RMW of its word
///   2. an RMW of each mailbox's word:         2. dozing? then tell the rescuer
///      does it say asleep? if all do, sleep
///
/// Both RMW the mailbox's word, so one of two comes first. If the loop's does, the rescuer sees that it is
/// awake. If the rescuer's does, the loop acquires what it released, and reads true. Model:
/// tests/model/doze_model_test.cpp.
///
/// Edges: Mailbox::look_closely_whether_asleep's RMW -> unpark's. The flag itself orders nothing: relaxed.
template <template <class> class AtomicOf = Atomic>
class Doze {
public:
    // ---- the rescuer
    void begin() noexcept { dozing_.store(true, relaxed); }
    void end() noexcept { dozing_.store(false, relaxed); }

    // ---- any
    [[nodiscard]] bool is_on() const noexcept { return dozing_.load(relaxed); }

private:
    AtomicOf<bool> dozing_{false};
};

}  // namespace weft::rt
