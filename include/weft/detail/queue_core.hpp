#pragma once

#include <cstddef>
#include <cstdint>
#include <weft/detail/queue_items.hpp>
#include <weft/detail/wait_queue.hpp>

namespace weft::detail {

/// What the type of its items adds to a queue.
struct QueueOperations {
    void (*destroy)(QueueNode& node) noexcept;

    // Null but for plain items, whose bytes are all there is to them.
    QueueNode* (*make)(const void* item);
    void (*copy_in)(QueueNode& node, const void* item) noexcept;
    void (*copy_out)(const QueueNode& node, void* item) noexcept;
};

/// What Queue<T> does for every T: places, items as nodes, and those who wait.
///
/// A put reserves a place, makes its node, and delivers it: nothing is made of an item that the
/// queue would not take, and no constructor runs under the lock. A get receives a node.
///
/// Plain items are copied under the lock, which runs no code of users, in and out of nodes that stay
/// with the queue: where one is to spare, a put is one section instead of two and asks for no
/// memory (a third less an item).
///
/// Grants go straight to the first waiter: a free place to a put(), an item to a get(). Hence,
/// while somebody waits who can still be woken, there is nothing for newcomers, and no two wait for
/// the same thing. A waiter that was cancelled gives back what it was granted.
///
/// A queue that was shut down ends when it is exhausted: empty, and nothing on its way that might
/// get into it. Until then get() waits as if it were open, so that nothing accepted is left behind.
///
/// Everything is guarded by the lock of getters_. The locks of the other two queues are taken under
/// it, never the other way round; a sleeper drops it once it holds the lock of the queue it sleeps
/// in. Dropping it is the last access of every function, for the queue may be destroyed by whoever
/// gets the last item.
///
/// Threads   any.
class QueueCore {
public:
    static constexpr std::size_t kMostPlainBytes = 64;

    QueueCore(std::ptrdiff_t maxsize, const QueueOperations& operations, QueueOrder order) noexcept;
    QueueCore(const QueueCore&) = delete;
    QueueCore& operator=(const QueueCore&) = delete;
    ~QueueCore();

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

    /// reserve() and deliver() of a plain item. Throws also std::bad_alloc.
    void put_plain(const void* item);
    /// take() of a plain item.
    void get_plain(void* item);
    /// The same without waiting; false when there is no free place, or no item.
    [[nodiscard]] bool try_put_plain(const void* item);
    [[nodiscard]] bool try_get_plain(void* item);

    void task_done();
    void join();
    void shutdown(bool immediate) noexcept;

    [[nodiscard]] std::size_t size() noexcept;
    [[nodiscard]] bool full() noexcept;
    [[nodiscard]] std::ptrdiff_t maxsize() const noexcept { return maxsize_; }

private:
    enum class Phase : std::uint8_t { Open, Draining, Immediate };

    void lock() noexcept { getters_.lock(); }
    void unlock() noexcept { getters_.unlock(); }
    [[nodiscard]] bool has_place() const noexcept;
    [[nodiscard]] bool exhausted() const noexcept;

    void lock_open();
    void lock_at_place();
    void put_in_place_and_unlock(const void* item);
    void copy_out_and_unlock(QueueNode& node, void* item) noexcept;
    [[nodiscard]] QueueNode& receive_and_lock(WokenList& woken);
    [[nodiscard]] QueueNode* try_receive_and_lock(WokenList& woken);
    void accept(QueueNode& node, WokenList& woken) noexcept;
    [[nodiscard]] QueueNode* keep(QueueNode& node) noexcept;
    void offer(QueueNode& node, WokenList& woken) noexcept;
    [[nodiscard]] QueueNode* pop(WokenList& woken) noexcept;
    void place_was_freed(WokenList& woken) noexcept;
    void end_if_exhausted(WokenList& woken) noexcept;
    void discount(std::size_t count, WokenList& woken) noexcept;

    WaitQueue getters_;
    WaitQueue putters_;
    WaitQueue joiners_;
    QueueItems items_;
    // A place is held by exactly one of these, or by a node in items_:
    std::size_t promised_ = 0;    // a put() that was asleep and has not gone on yet
    std::size_t making_ = 0;      // a put that makes its node
    std::size_t handed_ = 0;      // a node on its way to a get() that was asleep
    std::size_t unfinished_ = 0;  // put, and no task_done() yet
    std::uint64_t next_sequence_ = 0;
    Phase phase_ = Phase::Open;
    bool putters_wait_ = false;    // false: nobody is in putters_
    QueueNode* spares_ = nullptr;  // empty nodes for plain items
    std::size_t spare_count_ = 0;
    const std::ptrdiff_t maxsize_;
    const QueueOperations& operations_;
};

}  // namespace weft::detail
