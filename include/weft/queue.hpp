#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <weft/detail/future_state.hpp>
#include <weft/detail/queue_core.hpp>
#include <weft/errors.hpp>

namespace weft {

/// Items that some put in and others take out, first in, first out.
///
/// With a `maxsize` above 0, put() waits while so many items are in it. Both sides are served in
/// the order of arrival: an item goes straight to the first get() that waits, a free place to the
/// first put(). An item on its way to a get() that was asleep is nobody else's any more, so it is
/// not counted by qsize(); it keeps its place until that get() goes on.
///
/// A put that throws has put nothing, and unless the item's own constructor threw, it has not
/// touched its argument. A get that throws has taken nothing: if moving the item out threw, the
/// item is back where it was, though the queue may hold one more than `maxsize` then.
///
/// The queue may be destroyed as soon as the last get(), put() and join() have returned; what is in
/// it is destroyed with it.
///
/// Threads   any loop and any thread: tasks of several loops and plain threads may share one.
/// asyncio   Queue
template <class T>
class Queue {
    static_assert(std::is_object_v<T> && !std::is_const_v<T>, "a queue holds values");

public:
    using value_type = T;

    /// `maxsize`: 0 and less are no bound.
    explicit Queue(std::ptrdiff_t maxsize = 0) noexcept : Queue(maxsize, detail::QueueOrder{}) {}
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;
    ~Queue() = default;  ///< Nobody may be waiting.

    /// Puts an item in, waiting while the queue is full.
    ///
    /// Suspends      while it is full. Waiters are served in the order they came.
    /// Cancellation  safe: a cancelled put() has put nothing, and its turn went to the next.
    /// Errors        CancelledError; QueueShutDown; RuntimeError when it would have to wait in a
    ///               callback; std::bad_alloc; what constructing the item throws.
    /// Threads       any; a plain thread blocks.
    /// asyncio       Queue.put
    template <class U = T>
    requires std::is_constructible_v<T, U&&>
    void put(U&& item) {
        if constexpr (kPlain && std::is_trivially_constructible_v<T, U&&>) {
            const T plain(std::forward<U>(item));
            if (void* const place = core_.lock_place()) [[likely]] {
                fill(place, plain);
            } else {
                core_.put_locked(std::addressof(plain));
            }
        } else {
            core_.reserve();
            deliver(std::forward<U>(item));
        }
    }

    /// Puts an item in. Never suspends.
    ///
    /// Errors    QueueFull; QueueShutDown; std::bad_alloc; what constructing the item throws.
    /// Threads   any.
    /// asyncio   Queue.put_nowait
    template <class U = T>
    requires std::is_constructible_v<T, U&&>
    void put_nowait(U&& item) {
        if (!try_put(std::forward<U>(item))) {
            throw QueueFull(maxsize());
        }
    }

    /// Puts an item in if there is room. Never suspends.
    ///
    /// Errors    QueueShutDown; std::bad_alloc; what constructing the item throws.
    /// Threads   any.
    /// Returns   whether it did.
    template <class U = T>
    requires std::is_constructible_v<T, U&&>
    [[nodiscard]] bool try_put(U&& item) {
        if constexpr (kPlain && std::is_trivially_constructible_v<T, U&&>) {
            const T plain(std::forward<U>(item));
            if (void* const place = core_.lock_place()) [[likely]] {
                fill(place, plain);
                return true;
            }
            return core_.try_put_locked(std::addressof(plain));
        } else {
            if (!core_.try_reserve()) {
                return false;
            }
            deliver(std::forward<U>(item));
            return true;
        }
    }

    /// Takes the oldest item out, waiting while there is none.
    ///
    /// Suspends      while it is empty. Waiters are served in the order they came.
    /// Cancellation  safe: a cancelled get() took no item, and its turn went to the next.
    /// Errors        CancelledError; QueueShutDown when shut down and empty; RuntimeError when it
    ///               would have to wait in a callback; what moving the item throws.
    /// Threads       any; a plain thread blocks.
    /// asyncio       Queue.get
    [[nodiscard]] T get() {
        if constexpr (kPlain) {
            if (const void* const item = core_.lock_item()) [[likely]] {
                return empty_place(item);
            }
            detail::Slot<T> item;
            core_.get_locked(std::addressof(item.value));
            return T(std::as_const(item.value));
        } else {
            return unwrap<T>(core_.take());
        }
    }

    /// Takes the oldest item out. Never suspends.
    ///
    /// Errors    QueueEmpty; QueueShutDown when shut down and empty; what moving the item throws.
    /// Threads   any.
    /// asyncio   Queue.get_nowait
    [[nodiscard]] T get_nowait() {
        if constexpr (kPlain) {
            if (const void* const item = core_.lock_item()) [[likely]] {
                return empty_place(item);
            }
            detail::Slot<T> item;
            if (!core_.try_get_locked(std::addressof(item.value))) {
                throw QueueEmpty();
            }
            return T(std::as_const(item.value));
        } else {
            detail::QueueNode* const node = core_.try_take();
            if (node == nullptr) {
                throw QueueEmpty();
            }
            return unwrap<T>(*node);
        }
    }

    /// Takes the oldest item out if there is one. Never suspends.
    ///
    /// Errors    QueueShutDown when shut down and empty; what moving the item throws.
    /// Threads   any.
    /// Returns   the item, or nothing.
    [[nodiscard]] std::optional<T> try_get() {
        if constexpr (kPlain) {
            if (const void* const item = core_.lock_item()) [[likely]] {
                return empty_place(item);
            }
            detail::Slot<T> item;
            return core_.try_get_locked(std::addressof(item.value))
                       ? std::optional<T>(std::as_const(item.value))
                       : std::nullopt;
        } else {
            detail::QueueNode* const node = core_.try_take();
            return node != nullptr ? unwrap<std::optional<T>>(*node) : std::nullopt;
        }
    }

    /// Returns how many items get_nowait() would give.
    ///
    /// Threads   any; others may change it at once.
    /// asyncio   Queue.qsize
    [[nodiscard]] std::size_t qsize() const noexcept { return core_.size(); }

    /// Returns whether get_nowait() would find nothing.
    ///
    /// Threads   any; others may change it at once.
    /// asyncio   Queue.empty
    [[nodiscard]] bool empty() const noexcept { return core_.size() == 0; }

    /// Returns whether put_nowait() would find no place.
    ///
    /// Threads   any; others may change it at once.
    /// asyncio   Queue.full
    [[nodiscard]] bool full() const noexcept { return core_.full(); }

    /// Returns the bound that was given.
    ///
    /// Threads   any.
    /// asyncio   Queue.maxsize
    [[nodiscard]] std::ptrdiff_t maxsize() const noexcept { return core_.maxsize(); }

    /// Says that the work on one item that was taken is done.
    ///
    /// Errors    ValueError when called more often than items were put.
    /// Threads   any.
    /// asyncio   Queue.task_done
    void task_done() { core_.task_done(); }

    /// Waits until task_done() was called for every item put.
    ///
    /// Suspends      while there are unfinished items. Who was woken returns even if new ones came.
    /// Cancellation  safe: there is nothing to lose.
    /// Errors        CancelledError; RuntimeError when it would have to wait in a callback.
    /// Threads       any; a plain thread blocks.
    /// asyncio       Queue.join
    void join() { core_.join(); }

    /// Ends the queue: put() throws QueueShutDown from now on, also where it waits; get() when the
    /// queue is empty. `immediate` throws away what is in it, counted as finished. Never suspends.
    ///
    /// Threads   any.
    /// asyncio   Queue.shutdown
    void shutdown(bool immediate = false) noexcept { core_.shutdown(immediate); }

protected:
    struct Item final : detail::QueueNode {
        template <class U>
        explicit Item(U&& item) : value(std::forward<U>(item)) {}
        T value;
    };

    Queue(std::ptrdiff_t maxsize, detail::QueueOrder order) noexcept
        : core_(maxsize, kOperations, order) {}

private:
    /// Copying it runs no code of users, and takes no time to speak of.
    static constexpr bool kPlain =
        std::is_trivially_copyable_v<T> && std::is_trivially_copy_constructible_v<T> &&
        !std::is_volatile_v<T> && sizeof(T) <= detail::QueueCore::kMostPlainBytes;

    static void destroy(detail::QueueNode& node) noexcept { delete static_cast<Item*>(&node); }
    static detail::QueueNode* make(const void* item) {
        return new Item(*static_cast<const T*>(item));
    }
    static void* item_of(detail::QueueNode& node) noexcept {
        return std::addressof(static_cast<Item&>(node).value);
    }
    static void copy(void* to, const void* from) noexcept {
        std::construct_at(static_cast<T*>(to), *static_cast<const T*>(from));
    }
    static constexpr detail::QueueOperations operations() noexcept {
        if constexpr (kPlain) {
            return {&destroy, sizeof(T), alignof(T), &make, &item_of, &copy};
        } else {
            return {&destroy, 0, 0, nullptr, nullptr, nullptr};
        }
    }
    static constexpr detail::QueueOperations kOperations = operations();

    /// The end of a put() that found a place at once, and of a get() that found an item.
    void fill(void* place, const T& item) noexcept {
        std::construct_at(static_cast<T*>(place), item);
        core_.place_filled(sizeof(T));
    }
    T empty_place(const void* place) noexcept {
        const T item(*static_cast<const T*>(place));
        core_.item_taken(sizeof(T));
        return T(item);
    }

    template <class U>
    void deliver(U&& item) {
        struct Place {
            detail::QueueCore* core;
            ~Place() {
                if (core != nullptr) {
                    core->unreserve();
                }
            }
        } place{&core_};
        if constexpr (kPlain) {
            const T plain(std::forward<U>(item));
            place.core = nullptr;  // from here on the core gives it back
            core_.put_reserved(std::addressof(plain));
        } else {
            Item* const node = new Item(std::forward<U>(item));
            place.core = nullptr;
            core_.deliver(*node);
        }
    }

    template <class Result>
    Result unwrap(detail::QueueNode& node) {
        std::unique_ptr<Item> item(static_cast<Item*>(&node));
        try {
            return Result(std::move(item->value));
        } catch (...) {
            core_.restore(*item.release());
            throw;
        }
    }

    mutable detail::QueueCore core_;
};

/// A Queue that gives the newest item first.
///
/// Threads   as Queue.
/// asyncio   LifoQueue
template <class T>
class LifoQueue : public Queue<T> {
public:
    explicit LifoQueue(std::ptrdiff_t maxsize = 0) noexcept
        : Queue<T>(maxsize, {.kind = detail::QueueOrder::Kind::Lifo}) {}
};

/// A Queue that gives the least item first, by `Compare`; of equal ones the oldest.
///
/// `Compare` is called under the queue's lock: it may not throw or suspend.
///
/// Threads   as Queue.
/// asyncio   PriorityQueue, which promises no order of equal items
template <class T, class Compare = std::less<T>>
class PriorityQueue : public Queue<T> {
public:
    explicit PriorityQueue(std::ptrdiff_t maxsize = 0) noexcept
        : Queue<T>(maxsize, {.kind = detail::QueueOrder::Kind::Priority, .before = &before}) {}

private:
    static bool before(const detail::QueueNode& left, const detail::QueueNode& right) {
        using Item = typename Queue<T>::Item;
        return Compare{}(
            static_cast<const Item&>(left).value, static_cast<const Item&>(right).value
        );
    }
};

}  // namespace weft
