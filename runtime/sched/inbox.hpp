#pragma once

#include <concurrentqueue/concurrentqueue.h>

#include <cstddef>
#include <cstdint>

#include "base/atomic.hpp"
#include "fiber/sanitizer.hpp"
#include "sched/locked_queue.hpp"
#include "sched/simulation.hpp"

namespace weft::rt {

#if WEFT_TSAN
/// moodycamel's queue has fences, which TSan does not know: it would see races where there are none.
template <class T>
using InboxQueue = LockedQueue<T>;
#else
template <class T>
using InboxQueue = moodycamel::ConcurrentQueue<T>;
#endif

/// Stealable tasks from threads that run no loop of the runtime, for whichever worker comes first.
///
/// moodycamel's queue carries them: order between producers means nothing here. Its emptiness means
/// nothing either (an attempt may fail while an element is there), so weft counts for itself (R5):
/// up before the element goes in, down after it came out. Whoever reads 0 may sleep.
///
/// Edges: put's increment -> look_closely's RMW. The queue orders the elements themselves.
template <class T, template <class> class AtomicOf = Atomic, class Queue = InboxQueue<T*>>
class Inbox {
public:
    /// False without memory: the element is not in. The queue finds the producer by a thread-local's
    /// address, which no caller's frame may keep (R1).
    [[nodiscard, gnu::noinline]] bool put(T& element) noexcept {
        waiting_.fetch_add(1, acq_rel);
        // The virtual threads of a simulation are one thread to the queue.
        const Simulation::Undivided whole(Simulation::of_thread());
        if (queue_.enqueue(&element)) {
            return true;
        }
        waiting_.fetch_sub(1, acq_rel);
        return false;
    }

    using Token = typename Queue::consumer_token_t;
    [[nodiscard]] Token make_token() { return Token(queue_); }

    /// Takes up to `most`; returns how many.
    [[nodiscard]] std::size_t take(Token& token, T** elements, std::size_t most) noexcept {
        const std::size_t count = queue_.try_dequeue_bulk(token, elements, most);
        if (count != 0) {
            // relaxed: it goes on with the puts' release sequence, and publishes nothing itself
            waiting_.fetch_sub(static_cast<std::int64_t>(count), relaxed);
        }
        return count;
    }

    [[nodiscard]] bool looks_empty() const noexcept { return waiting_.load(relaxed) == 0; }
    [[nodiscard]] std::size_t size() const noexcept {
        return static_cast<std::size_t>(waiting_.load(relaxed));
    }
    /// The sleeper's look: an RMW, however loops share.
    [[nodiscard]] bool look_closely() noexcept { return waiting_.fetch_add(0, acq_rel) != 0; }

private:
    alignas(kCacheLine) AtomicOf<std::int64_t> waiting_{0};
    Queue queue_;
};

}  // namespace weft::rt
