#include <algorithm>
#include <limits>
#include <utility>
#include <weft/detail/queue_core.hpp>
#include <weft/errors.hpp>

#include "task/wait_inline.hpp"

namespace weft::detail {
namespace {

// Empty nodes that a queue keeps: as many as go through one that is filled and emptied in turn.
constexpr std::ptrdiff_t kMostSpares = 1024;

/// A waiter's own variable, through which a waker tells it what it was granted.
template <class T>
std::uintptr_t address_of(T& variable) noexcept {
    return reinterpret_cast<std::uintptr_t>(&variable);
}
template <class T>
T& variable_at(std::uintptr_t address) noexcept {
    return *reinterpret_cast<T*>(address);
}

std::ptrdiff_t places_of(std::ptrdiff_t maxsize) noexcept {
    return maxsize > 0 ? maxsize : std::numeric_limits<std::ptrdiff_t>::max() / 2;
}

}  // namespace

/// A get() that waits; on its stack.
struct QueueCore::Receiver {
    void* item;  // where a plain item is to be copied; null: it takes the node
    QueueNode* node = nullptr;
    std::uint64_t sequence = 0;  // of the plain item
    bool received = false;
};

QueueCore::QueueCore(
    std::ptrdiff_t maxsize, const QueueOperations& operations, QueueOrder order
) noexcept
    : in_blocks_(order.kind == QueueOrder::Kind::Fifo && operations.make != nullptr),
      room_(places_of(maxsize)),
      blocks_(operations.bytes, operations.alignment, maxsize),
      items_(order),
      maxsize_(maxsize),
      operations_(operations) {}

QueueCore::~QueueCore() {
    while (QueueNode* const node = items_.pop()) {
        operations_.destroy(*node);
    }
    while (spares_ != nullptr) {
        operations_.destroy(*std::exchange(spares_, spares_->next));
    }
}

/// Plain code of puts and gets goes on from here only with what is as simple as it thinks.
[[gnu::always_inline]] inline void QueueCore::unlock() noexcept {
    blocks_.set_gates(phase_ == Phase::Open, !putters_wait_ && items_.size() == 0);
    lock_.unlock();
}

std::ptrdiff_t QueueCore::items() const noexcept {
    return places_of(maxsize_) - room_ - promised_ - making_ - handed_;
}

/// Whether get() will never again find anything. A put that is making its node will deliver it, and
/// an item on its way comes back if its get() is cancelled; neither counts once all is thrown away.
bool QueueCore::exhausted() const noexcept {
    return phase_ == Phase::Immediate ||
           (phase_ == Phase::Draining && items() + making_ + handed_ == 0);
}

// ---- places

/// Promises the place that somebody just left to the first put() that waits. With the lock.
[[gnu::always_inline]] inline void QueueCore::place_was_freed(WokenList& woken) noexcept {
    if (putters_wait_ && room_ > 0) {
        promise_place(woken);
    }
}

void QueueCore::promise_place(WokenList& woken) noexcept {
    std::uintptr_t putter = 0;
    if (putters_.wake_inline(woken, &putter)) {
        variable_at<bool>(putter) = true;
        ++promised_;
        --room_;
    }
    putters_wait_ = !putters_.empty();
}

bool QueueCore::try_reserve() {
    lock();
    if (phase_ != Phase::Open) {
        unlock();
        throw QueueShutDown();
    }
    const bool reserved = room_ > 0;
    if (reserved) {
        --room_;
        ++making_;
    }
    unlock();
    return reserved;
}

[[gnu::always_inline]] inline void QueueCore::wait_in_line() {
    bool place_promised = false;
    putters_wait_ = true;
    blocks_.set_gates(true, false);
    const WaitOutcome outcome =
        putters_.wait_inline(lock_, "Queue.put", this, address_of(place_promised));
    if (place_promised) {
        lock();
        --promised_;
        ++room_;
        if (!outcome.cancelled() && phase_ == Phase::Open) [[likely]] {
            return;
        }
        WokenList woken;
        place_was_freed(woken);
        unlock();
    }
    if (outcome.cancelled()) {
        throw_cancelled();
    }
    throw QueueShutDown();
}

/// Waits for a free place. With the lock; throws without it.
[[gnu::always_inline]] inline void QueueCore::wait_for_place() {
    if (phase_ != Phase::Open) [[unlikely]] {
        unlock();
        throw QueueShutDown();
    }
    if (room_ <= 0) {
        wait_in_line();
    }
}

void QueueCore::reserve() {
    lock();
    wait_for_place();
    --room_;
    ++making_;
    unlock();
}

void QueueCore::unreserve() noexcept {
    WokenList woken;
    lock();
    --making_;
    ++room_;
    place_was_freed(woken);
    end_if_exhausted(woken);
    unlock();
}

// ---- those who wait for an item

/// Wins the first get() that waits: what is written into its Receiver is its own. With the lock.
[[gnu::always_inline]] inline QueueCore::Receiver* QueueCore::wake_getter(WokenList& woken
) noexcept {
    std::uintptr_t getter = 0;
    if (!getters_.wake_inline(woken, &getter)) {
        return nullptr;
    }
    auto& receiver = variable_at<Receiver>(getter);
    receiver.received = true;
    ++handed_;
    return &receiver;
}

/// Waits for an item, as there is none. With the lock, which it drops.
[[gnu::always_inline]] inline void QueueCore::receive(Receiver& receiver) {
    if (phase_ != Phase::Open && exhausted()) [[unlikely]] {
        unlock();
        throw QueueShutDown();
    }
    const WaitOutcome outcome =
        getters_.wait_inline(lock_, "Queue.get", this, address_of(receiver));
    if (receiver.received) [[likely]] {
        lock();
        if (outcome.ok() && phase_ == Phase::Open && !putters_wait_) [[likely]] {
            --handed_;
            ++room_;
            lock_.unlock();
            return;
        }
        if (settle(receiver, outcome.cancelled())) {
            return;
        }
    }
    if (outcome.cancelled()) {
        throw_cancelled();
    }
    throw QueueShutDown();
}

/// The end of a get() that waited, where there is more to it: whether the item is its own. With the
/// lock, which it drops.
[[gnu::noinline]] bool QueueCore::settle(Receiver& receiver, bool cancelled) noexcept {
    WokenList woken;
    --handed_;
    // A shutdown(immediate) since then has counted it among those it threw away.
    const bool dropped = phase_ == Phase::Immediate;
    if (cancelled && !dropped) {
        QueueNode* node = receiver.node;
        if (node == nullptr) {
            node = &take_spare();
            operations_.copy(operations_.item_of(*node), receiver.item);
            node->sequence = receiver.sequence;
        }
        offer(*node, woken);
    } else {
        ++room_;
        place_was_freed(woken);
        end_if_exhausted(woken);
    }
    const auto destroy = operations_.destroy;
    unlock();
    woken.submit();  // first: an item's destructor may wait for one of them
    if (dropped && receiver.node != nullptr) {
        destroy(*receiver.node);
    }
    return !dropped && !cancelled;
}

// ---- items as nodes

void QueueCore::deliver(QueueNode& node) noexcept {
    WokenList woken;
    lock();
    --making_;
    if (phase_ == Phase::Immediate) {
        ++room_;
        const auto destroy = operations_.destroy;
        unlock();
        destroy(node);  // put just before the shutdown, and thrown away by it
        return;
    }
    ++unfinished_;
    node.sequence = next_sequence_++;
    offer(node, woken);
    unlock();
}

QueueNode& QueueCore::take() {
    lock();
    {
        WokenList woken;
        if (QueueNode* const node = pop(woken)) {
            unlock();
            return *node;
        }
    }
    Receiver receiver{.item = nullptr};
    receive(receiver);
    return *receiver.node;
}

QueueNode* QueueCore::try_take() {
    WokenList woken;
    lock();
    QueueNode* const node = pop(woken);
    const bool ended = node == nullptr && exhausted();
    unlock();
    if (ended) {
        throw QueueShutDown();
    }
    return node;
}

/// Takes the next node; null when there is none. With the lock.
QueueNode* QueueCore::pop(WokenList& woken) noexcept {
    QueueNode* const node = items_.pop();
    if (node != nullptr) {
        ++room_;
        place_was_freed(woken);
    }
    return node;
}

void QueueCore::restore(QueueNode& node) noexcept {
    WokenList woken;
    lock();
    if (phase_ == Phase::Immediate) {
        discount(1, woken);
        const auto destroy = operations_.destroy;
        unlock();
        woken.submit();
        destroy(node);
        return;
    }
    --room_;  // perhaps one more than maxsize, until the next get()
    offer(node, woken);
    unlock();
}

/// Gives a node to the first get() that waits, or puts it in. With the lock.
void QueueCore::offer(QueueNode& node, WokenList& woken) noexcept {
    Receiver* const getter = wake_getter(woken);
    if (getter == nullptr) {
        items_.push(node);
    } else if (getter->item != nullptr) {
        operations_.copy(getter->item, operations_.item_of(node));
        getter->sequence = node.sequence;
        keep(node);
    } else {
        getter->node = &node;
    }
}

// ---- plain items

/// With the lock, which it drops.
[[gnu::always_inline]] inline void QueueCore::put_in_place(const void* item) {
    --room_;
    if (spare_count_ > handed_) [[likely]] {
        WokenList woken;
        if (Receiver* const getter = wake_getter(woken)) {
            hand(*getter, item);
            lock_.unlock();
            woken.submit_inline();
            return;
        }
    }
    put_behind(item);
}

void QueueCore::put_reserved(const void* item) {
    lock();
    --making_;
    ++room_;
    if (phase_ == Phase::Immediate) {
        unlock();  // put just before the shutdown, and thrown away by it
        return;
    }
    put_in_place(item);
}

void QueueCore::put_locked(const void* item) {
    wait_for_place();
    put_in_place(item);
}

bool QueueCore::try_put_locked(const void* item) {
    if (phase_ != Phase::Open) {
        unlock();
        throw QueueShutDown();
    }
    if (room_ <= 0) {
        unlock();
        return false;
    }
    put_in_place(item);
    return true;
}

inline void QueueCore::hand(Receiver& getter, const void* item) noexcept {
    operations_.copy(getter.item, item);
    getter.sequence = next_sequence_++;
    ++unfinished_;
}

/// Where nobody waits for an item, or memory is needed first.
void QueueCore::put_behind(const void* item) {
    WokenList woken;
    for (;;) {
        const Missing missing = try_put_behind(item, woken);
        if (missing == Missing::Nothing) [[likely]] {
            break;
        }
        make_memory(missing, item);
        if (phase_ == Phase::Immediate) {
            ++room_;  // put just before the shutdown, and thrown away by it
            break;
        }
    }
    unlock();
}

inline QueueCore::Missing QueueCore::try_put_behind(const void* item, WokenList& woken) noexcept {
    if (spare_count_ <= handed_ && !(in_blocks_ && getters_.empty())) [[unlikely]] {
        return Missing::Node;
    }
    if (Receiver* const getter = wake_getter(woken)) {
        hand(*getter, item);
        return Missing::Nothing;
    }
    if (in_blocks_) {
        void* const place = blocks_.place_anyhow();
        if (place == nullptr) {
            return Missing::Block;
        }
        operations_.copy(place, item);
        blocks_.filled(operations_.bytes);
        return Missing::Nothing;
    }
    QueueNode& node = take_spare();
    operations_.copy(operations_.item_of(node), item);
    ++unfinished_;
    node.sequence = next_sequence_++;
    items_.push(node);
    return Missing::Nothing;
}

/// Without the lock meanwhile; the place is kept. Throws std::bad_alloc without it, and then the
/// place is free again.
void QueueCore::make_memory(Missing missing, const void* item) {
    ++making_;
    unlock();
    QueueNode* node = nullptr;
    QueueBlocks::Block* block = nullptr;
    try {
        if (missing == Missing::Node) {
            node = operations_.make(item);
        } else {
            block = blocks_.make_block();
        }
    } catch (...) {
        unreserve();
        throw;
    }
    lock();
    --making_;
    if (node != nullptr) {
        keep(*node);
    } else {
        blocks_.add_block(*block);
    }
}

void QueueCore::get_locked(void* item) {
    if (!blocks_.empty() || items_.size() != 0) {
        static_cast<void>(take_and_unlock(item));
        return;
    }
    Receiver receiver{.item = item};
    receive(receiver);
}

bool QueueCore::try_get_locked(void* item) {
    if (take_and_unlock(item)) {
        return true;
    }
    const bool ended = exhausted();
    unlock();
    if (ended) {
        throw QueueShutDown();
    }
    return false;
}

/// With the lock, which it drops; false when there is no item, and then it keeps it.
bool QueueCore::take_and_unlock(void* item) noexcept {
    if (items_.size() != 0) {
        QueueNode& node = *items_.pop();
        operations_.copy(item, operations_.item_of(node));
        keep(node);
    } else if (const void* const from = blocks_.item_anyhow()) {
        operations_.copy(item, from);
        blocks_.taken(operations_.bytes);
    } else {
        return false;
    }
    WokenList woken;
    ++room_;
    place_was_freed(woken);
    QueueNode* const node = spare_count_ > std::max(kMostSpares, handed_) ? &take_spare() : nullptr;
    QueueBlocks::Block* const block = blocks_.take_surplus();
    const QueueOperations& operations = operations_;
    unlock();
    if (node != nullptr) [[unlikely]] {
        operations.destroy(*node);
    }
    if (block != nullptr) [[unlikely]] {
        QueueBlocks::free_block(block, operations.alignment);
    }
    return true;
}

/// Keeps a node that a plain item was copied out of. With the lock.
void QueueCore::keep(QueueNode& node) noexcept {
    ++spare_count_;
    node.next = spares_;
    spares_ = &node;
}

QueueNode& QueueCore::take_spare() noexcept {
    --spare_count_;
    return *std::exchange(spares_, spares_->next);
}

// ---- the end

void QueueCore::task_done() {
    WokenList woken;
    lock();
    unfinished_ += blocks_.count_new();
    if (unfinished_ == 0) {
        unlock();
        throw ValueError("task_done() was called more often than items were put");
    }
    discount(1, woken);
    unlock();
}

void QueueCore::join() {
    lock();
    unfinished_ += blocks_.count_new();
    if (unfinished_ == 0) {
        unlock();
        return;
    }
    blocks_.set_gates(phase_ == Phase::Open, !putters_wait_ && items_.size() == 0);
    if (!joiners_.wait(lock_, "Queue.join", this).ok()) {
        throw_cancelled();
    }
}

void QueueCore::shutdown(bool immediate) noexcept {
    WokenList woken;
    lock();
    QueueNode* dropped = nullptr;
    if (immediate && phase_ != Phase::Immediate) {
        phase_ = Phase::Immediate;
        const std::ptrdiff_t count = items();
        discount(static_cast<std::size_t>(count + handed_), woken);
        room_ += count;
        blocks_.clear();
        while (QueueNode* const node = items_.pop()) {
            node->next = dropped;
            dropped = node;
        }
    } else if (phase_ == Phase::Open) {
        phase_ = Phase::Draining;
    }
    end_if_exhausted(woken);
    putters_.wake_all(woken);  // they find that no place was promised to them
    putters_wait_ = false;
    const auto destroy = operations_.destroy;
    unlock();
    woken.submit();
    while (dropped != nullptr) {
        destroy(*std::exchange(dropped, dropped->next));
    }
}

std::size_t QueueCore::size() noexcept {
    lock();
    const std::ptrdiff_t size = items();
    lock_.unlock();
    return static_cast<std::size_t>(size);
}

bool QueueCore::full() noexcept {
    lock();
    const bool full = room_ <= 0;
    lock_.unlock();
    return full;
}

/// Wakes those who would wait forever; they find that they were given nothing. With the lock.
void QueueCore::end_if_exhausted(WokenList& woken) noexcept {
    if (exhausted()) {
        getters_.wake_all(woken);
    }
}

/// Counts items as finished, and wakes join() when those were the last. With the lock.
void QueueCore::discount(std::size_t count, WokenList& woken) noexcept {
    unfinished_ += blocks_.count_new();
    const bool any = unfinished_ != 0;
    unfinished_ -= std::min(count, unfinished_);
    if (any && unfinished_ == 0) {
        joiners_.wake_all(woken);
    }
}

}  // namespace weft::detail
