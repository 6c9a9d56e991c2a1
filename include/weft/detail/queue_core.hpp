#pragma once

#include <cstddef>
#include <cstdint>
#include <weft/detail/queue_blocks.hpp>
#include <weft/detail/queue_items.hpp>
#include <weft/detail/spin_lock.hpp>
#include <weft/detail/wait_queue.hpp>

namespace weft::detail {

/// What the type of its items adds to a queue.
struct QueueOperations {
    void (*destroy)(QueueNode& node) noexcept;

    // Null but for plain items, whose bytes are all there is to them.
    std::size_t bytes;
    std::size_t alignment;
    QueueNode* (*make)(const void* item);
    void* (*item_of)(QueueNode& node) noexcept;
    void (*copy)(void* to, const void* from) noexcept;
};

/// What Queue<T> does for every T: places, items, and those who wait.
///
/// A put reserves a place, makes a node of its item, and delivers that: nothing is made of an item
/// that the queue would not take, and no constructor runs under the lock. A get receives a node.
///
/// Plain items are copied under the lock, which runs no code of users: a put is one section then.
/// First in, first out, they lie in blocks, and what is simply there, an item or a place, is taken
/// by code that is inlined at the caller. In another order, and on their way back from a get() that
/// was cancelled, they are in nodes, of which the queue keeps empty ones.
///
/// Grants go straight to the first waiter: a free place to a put(), an item to a get(). Hence,
/// while somebody waits who can still be woken, there is nothing for newcomers, and no two wait for
/// the same thing. A waiter that was cancelled gives back what it was granted.
///
/// A queue that was shut down ends when it is exhausted: empty, and nothing on its way that might
/// get into it. Until then get() waits as if it were open, so that nothing accepted is left behind.
///
/// Everything is guarded by one lock. Dropping it is the last access of every function, for the
/// queue may be destroyed by whoever gets the last item.
///
/// Threads   any.
class alignas(64) QueueCore {
public:
    static constexpr std::size_t kMostPlainBytes = 64;

    QueueCore(std::ptrdiff_t maxsize, const QueueOperations& operations, QueueOrder order) noexcept;
    QueueCore(const QueueCore&) = delete;
    QueueCore& operator=(const QueueCore&) = delete;
    ~QueueCore();

    // ---- items that are not plain; the first three also for those that are

    /// Waits for a free place. Throws QueueShutDown, CancelledError.
    void reserve();
    /// False when there is no free place. Throws QueueShutDown.
    [[nodiscard]] bool try_reserve();
    /// Gives a place back that nothing was delivered to.
    void unreserve() noexcept;
    /// Puts a node in the place that was reserved. It is the queue's from here on.
    void deliver(QueueNode& node) noexcept;

    /// Waits for the next item; it is the caller's. Throws QueueShutDown, CancelledError.
    [[nodiscard]] QueueNode& take();
    /// Null when there is none. Throws QueueShutDown.
    [[nodiscard]] QueueNode* try_take();
    /// Puts a taken node back where it was: the caller could not move its item out.
    void restore(QueueNode& node) noexcept;

    // ---- plain items

    /// Takes the lock. Where the next item belongs, to be followed by place_filled(); null when it
    /// is not as simple as that: then by put_locked() or try_put_locked().
    [[nodiscard]] void* lock_place() noexcept {
        lock_.lock();
        return room_ > 0 && getters_.empty() ? blocks_.place() : nullptr;
    }
    void place_filled(std::size_t bytes) noexcept {
        blocks_.filled(bytes);
        --room_;
        lock_.unlock();
    }
    /// Puts an item in, with the lock, which it drops. Throws QueueShutDown, CancelledError,
    /// std::bad_alloc.
    void put_locked(const void* item);
    /// The same without waiting; false when there is no free place.
    [[nodiscard]] bool try_put_locked(const void* item);
    /// Puts an item in the place that was reserved, where making it took code of the user's. Throws
    /// std::bad_alloc, and then the place is free again.
    void put_reserved(const void* item);

    /// Takes the lock. The next item, to be followed by item_taken(); null when it is not as simple
    /// as that: then by get_locked() or try_get_locked().
    [[nodiscard]] const void* lock_item() noexcept {
        lock_.lock();
        return blocks_.item();
    }
    void item_taken(std::size_t bytes) noexcept {
        blocks_.taken(bytes);
        ++room_;
        lock_.unlock();
    }
    /// Takes the next item out, with the lock, which it drops. Throws QueueShutDown, CancelledError.
    void get_locked(void* item);
    /// The same without waiting; false when there is no item.
    [[nodiscard]] bool try_get_locked(void* item);

    // ---- all

    void task_done();
    void join();
    void shutdown(bool immediate) noexcept;

    [[nodiscard]] std::size_t size() noexcept;
    [[nodiscard]] bool full() noexcept;
    [[nodiscard]] std::ptrdiff_t maxsize() const noexcept { return maxsize_; }

private:
    enum class Phase : std::uint8_t { Open, Draining, Immediate };
    enum class Missing : std::uint8_t { Nothing, Node, Block };
    struct Receiver;

    void lock() noexcept { lock_.lock(); }
    void unlock() noexcept;
    [[nodiscard]] std::ptrdiff_t items() const noexcept;
    [[nodiscard]] bool exhausted() const noexcept;

    void wait_for_place();
    void wait_in_line();
    void place_was_freed(WokenList& woken) noexcept;
    void promise_place(WokenList& woken) noexcept;

    void put_in_place(const void* item);
    void hand(Receiver& getter, const void* item) noexcept;
    void put_behind(const void* item);
    [[nodiscard]] Missing try_put_behind(const void* item, WokenList& woken) noexcept;
    void make_memory(Missing missing, const void* item);
    [[nodiscard]] bool take_and_unlock(void* item) noexcept;

    void receive(Receiver& receiver);
    [[nodiscard]] bool settle(Receiver& receiver, bool cancelled) noexcept;
    [[nodiscard]] Receiver* wake_getter(WokenList& woken) noexcept;
    void offer(QueueNode& node, WokenList& woken) noexcept;
    [[nodiscard]] QueueNode* pop(WokenList& woken) noexcept;
    void keep(QueueNode& node) noexcept;
    [[nodiscard]] QueueNode& take_spare() noexcept;
    void end_if_exhausted(WokenList& woken) noexcept;
    void discount(std::size_t count, WokenList& woken) noexcept;

    // One cache line has all that is written where nobody waits.
    SpinLock lock_;
    Phase phase_ = Phase::Open;
    bool putters_wait_ = false;  // false: nobody is in putters_
    const bool in_blocks_;       // where items are, but for those that came back
    WaitList getters_;
    std::ptrdiff_t room_;  // free places; less than 0 where more came back than fit
    QueueBlocks blocks_;

    WaitList putters_;
    WaitList joiners_;
    QueueItems items_;
    // Who has a place that is not free, but for the items in the queue:
    std::ptrdiff_t promised_ = 0;  // a put() that was asleep and has not gone on yet
    std::ptrdiff_t making_ = 0;    // a put that makes its node, or a block
    std::ptrdiff_t handed_ = 0;    // an item on its way to a get() that was asleep
    std::size_t unfinished_ =
        0;  // put, and no task_done() yet; those that blocks_ has not counted are missing
    std::uint64_t next_sequence_ = 0;
    QueueNode* spares_ = nullptr;     // empty nodes for plain items
    std::ptrdiff_t spare_count_ = 0;  // no less than handed_: each may have to come back in one
    const std::ptrdiff_t maxsize_;
    const QueueOperations& operations_;
};

}  // namespace weft::detail
