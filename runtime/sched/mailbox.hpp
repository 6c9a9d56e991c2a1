#pragma once

#include <cstdint>

#include "base/atomic.hpp"

namespace weft::rt {

/// What other threads leave for a loop, in the order they left it; and whether the loop sleeps.
///
/// One word holds both, so that exactly one of those who come while the loop sleeps has to wake it:
///
///   0  nothing here, awake        2  nothing here, but do not sleep: look around first
///   1  nothing here, asleep       else the newest runnable; the chain leads to older ones
///
///   push / notify                          the loop
///   1. make the work visible               1. try_park: CAS 0 -> 1, else drain and go on
///   2. CAS the word; was it 1?             2. sleep in the reactor
///   3. if so, wake the reactor             3. unpark: CAS 1 -> 0
///
/// All are RMWs of one word, so one of two comes first. If push's does, try_park fails. If
/// try_park's does, push reads 1 and wakes; nobody after it reads 1, so the wake-up is written
/// once. notify() always writes, also over what it finds: a load could be stale, and the loop
/// asleep since. Model: tests/model/mailbox_model_test.cpp.
///
/// Edges: push's and notify's CAS -> drain's exchange, which follows where try_park fails, and each
/// sleep. unpark acquires what a rescuer did. try_park's release -> look_closely_whether_asleep's RMW: what
/// the loop has run before it slept.
template <class Node, template <class> class AtomicOf = Atomic>
class Mailbox {
public:
    /// True when the caller has to wake the loop.
    [[nodiscard]] bool push(Node& node) noexcept {
        std::uintptr_t old = word_.load(relaxed);
        do {
            node.next = chain(old);
        } while (!word_.compare_exchange_weak(
            old, reinterpret_cast<std::uintptr_t>(&node), acq_rel, relaxed
        ));
        return old == kAsleep;
    }

    /// Keeps the loop from sleeping until it has looked around. True: the caller has to wake it.
    [[nodiscard]] bool notify() noexcept {
        std::uintptr_t old = word_.load(relaxed);
        while (
            !word_.compare_exchange_weak(old, old <= kNotified ? kNotified : old, acq_rel, relaxed)
        ) {
        }
        return old == kAsleep;
    }

    // ---- the loop

    [[nodiscard]] bool looks_empty() const noexcept { return word_.load(relaxed) == kEmpty; }
    [[nodiscard]] bool looks_asleep() const noexcept { return word_.load(relaxed) == kAsleep; }

    /// Takes everything, oldest first.
    [[nodiscard]] Node* drain() noexcept {
        if (looks_empty()) {
            return nullptr;
        }
        Node* newest = chain(word_.exchange(kEmpty, acq_rel));
        Node* oldest = nullptr;
        while (newest != nullptr) {
            Node* const next = newest->next;
            newest->next = oldest;
            oldest = newest;
            newest = next;
        }
        return oldest;
    }

    /// Announces that the loop sleeps; false when there is something to see to first.
    [[nodiscard]] bool try_park() noexcept {
        std::uintptr_t expected = kEmpty;
        return word_.compare_exchange_strong(expected, kAsleep, release, relaxed);
    }

    /// Awake again; whatever came meanwhile stays for drain(). True: nobody had written a wake-up.
    bool unpark() noexcept {
        std::uintptr_t expected = kAsleep;
        return word_.compare_exchange_strong(expected, kEmpty, acquire, acquire);
    }

    // ---- the rescuer, and who asks why nothing happens

    /// Whether the loop sleeps: an RMW, so that a loop which wakes up after it sees what the caller did
    /// before, and the caller what one that sleeps did. Edge: its release -> unpark's acquire, also by way
    /// of a push in between.
    [[nodiscard]] bool look_closely_whether_asleep() noexcept {
        std::uintptr_t expected = kAsleep;
        return word_.compare_exchange_strong(expected, kAsleep, acq_rel, acquire);
    }

private:
    static constexpr std::uintptr_t kEmpty = 0;
    static constexpr std::uintptr_t kAsleep = 1;
    static constexpr std::uintptr_t kNotified = 2;

    static Node* chain(std::uintptr_t word) noexcept {
        // SAFETY: every word above kNotified was made of a Node's address by push().
        return word <= kNotified ? nullptr : reinterpret_cast<Node*>(word);
    }

    AtomicOf<std::uintptr_t> word_{kEmpty};
};

}  // namespace weft::rt
