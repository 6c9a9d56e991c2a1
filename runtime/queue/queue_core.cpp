#include <algorithm>
#include <utility>
#include <weft/detail/queue_core.hpp>
#include <weft/errors.hpp>

namespace weft::detail {
namespace {

// Empty nodes that a queue keeps: as many as go through one that is filled and emptied in turn.
constexpr std::size_t kMostSpares = 1024;

/// A waiter's own variable, through which a waker tells it what it was granted.
template <class T>
std::uintptr_t address_of(T& variable) noexcept {
    return reinterpret_cast<std::uintptr_t>(&variable);
}
template <class T>
T& variable_at(std::uintptr_t address) noexcept {
    return *reinterpret_cast<T*>(address);
}

}  // namespace

QueueCore::QueueCore(
    std::ptrdiff_t maxsize, const QueueOperations& operations, QueueOrder order
) noexcept
    : items_(order), maxsize_(maxsize), operations_(operations) {}

QueueCore::~QueueCore() {
    while (QueueNode* const node = items_.pop()) {
        operations_.destroy(*node);
    }
    while (spares_ != nullptr) {
        operations_.destroy(*std::exchange(spares_, spares_->next));
    }
}

bool QueueCore::has_place() const noexcept {
    return maxsize_ <= 0 ||
           promised_ + making_ + items_.size() + handed_ < static_cast<std::size_t>(maxsize_);
}

/// Whether get() will never again find anything. A put that is making its node will deliver it, and
/// an item on its way comes back if its get() is cancelled; neither counts once all is thrown away.
bool QueueCore::exhausted() const noexcept {
    return phase_ == Phase::Immediate ||
           (phase_ == Phase::Draining && items_.size() + making_ + handed_ == 0);
}

void QueueCore::reserve() {
    lock_at_place();
    ++making_;
    unlock();
}

bool QueueCore::try_reserve() {
    lock_open();
    const bool reserved = has_place();
    making_ += reserved ? 1U : 0U;
    unlock();
    return reserved;
}

/// Returns with the lock, throws without it.
void QueueCore::lock_open() {
    lock();
    if (phase_ != Phase::Open) {
        unlock();
        throw QueueShutDown();
    }
}

/// Waits for a free place. Returns with the lock, throws without it.
void QueueCore::lock_at_place() {
    lock_open();
    if (has_place()) {
        return;
    }
    bool place_promised = false;
    putters_wait_ = true;
    putters_.lock();
    unlock();
    const WaitOutcome outcome = putters_.wait("Queue.put", this, address_of(place_promised));
    if (place_promised) {
        WokenList woken;
        lock();
        --promised_;
        if (!outcome.cancelled() && phase_ == Phase::Open) {
            return;
        }
        place_was_freed(woken);
        unlock();
    }
    if (outcome.cancelled()) {
        throw_cancelled();
    }
    throw QueueShutDown();
}

void QueueCore::unreserve() noexcept {
    WokenList woken;
    lock();
    --making_;
    place_was_freed(woken);
    end_if_exhausted(woken);
    unlock();
}

void QueueCore::deliver(QueueNode& node) noexcept {
    WokenList woken;
    lock();
    --making_;
    if (phase_ == Phase::Immediate) {
        const auto destroy = operations_.destroy;
        unlock();
        destroy(node);  // put just before the shutdown, and thrown away by it
        return;
    }
    accept(node, woken);
    unlock();
}

void QueueCore::put_plain(const void* item) {
    lock_at_place();
    put_in_place_and_unlock(item);
}

bool QueueCore::try_put_plain(const void* item) {
    lock_open();
    if (!has_place()) {
        unlock();
        return false;
    }
    put_in_place_and_unlock(item);
    return true;
}

void QueueCore::put_in_place_and_unlock(const void* item) {
    QueueNode* node = spares_;
    if (node != nullptr) [[likely]] {
        WokenList woken;
        spares_ = node->next;
        --spare_count_;
        operations_.copy_in(*node, item);
        accept(*node, woken);
        unlock();
        return;
    }
    ++making_;
    unlock();
    try {
        node = operations_.make(item);
    } catch (...) {
        unreserve();
        throw;
    }
    deliver(*node);
}

QueueNode& QueueCore::take() {
    WokenList woken;
    QueueNode& node = receive_and_lock(woken);
    unlock();
    return node;
}

void QueueCore::get_plain(void* item) {
    WokenList woken;
    copy_out_and_unlock(receive_and_lock(woken), item);
}

bool QueueCore::try_get_plain(void* item) {
    WokenList woken;
    QueueNode* const node = try_receive_and_lock(woken);
    if (node != nullptr) {
        copy_out_and_unlock(*node, item);
    }
    return node != nullptr;
}

void QueueCore::copy_out_and_unlock(QueueNode& node, void* item) noexcept {
    operations_.copy_out(node, item);
    const auto destroy = operations_.destroy;
    QueueNode* const surplus = keep(node);
    unlock();
    if (surplus != nullptr) {
        destroy(*surplus);
    }
}

/// Waits for the next node. Returns with the lock, throws without it.
QueueNode& QueueCore::receive_and_lock(WokenList& woken) {
    lock();
    if (QueueNode* const node = pop(woken)) {
        return *node;
    }
    if (exhausted()) {
        unlock();
        throw QueueShutDown();
    }
    QueueNode* received = nullptr;
    const WaitOutcome outcome = getters_.wait("Queue.get", this, address_of(received));
    bool dropped = received == nullptr;
    if (!dropped) {
        lock();
        --handed_;
        // A shutdown(immediate) since then has counted it among those it threw away.
        dropped = phase_ == Phase::Immediate;
        if (outcome.cancelled() && !dropped) {
            offer(*received, woken);
        } else {
            place_was_freed(woken);
            end_if_exhausted(woken);
        }
        if (!dropped && !outcome.cancelled()) {
            return *received;
        }
        const auto destroy = operations_.destroy;
        unlock();
        woken.submit();  // first: an item's destructor may wait for one of them
        if (dropped) {
            destroy(*received);
        }
    }
    if (outcome.cancelled()) {
        throw_cancelled();
    }
    throw QueueShutDown();
}

QueueNode* QueueCore::try_take() {
    WokenList woken;
    QueueNode* const node = try_receive_and_lock(woken);
    if (node != nullptr) {
        unlock();
    }
    return node;
}

/// The next node, with the lock; null, or throws, without it.
QueueNode* QueueCore::try_receive_and_lock(WokenList& woken) {
    lock();
    if (QueueNode* const node = pop(woken)) {
        return node;
    }
    const bool ended = exhausted();
    unlock();
    if (ended) {
        throw QueueShutDown();
    }
    return nullptr;
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
    offer(node, woken);  // perhaps one more than maxsize, until the next get()
    unlock();
}

void QueueCore::task_done() {
    WokenList woken;
    lock();
    if (unfinished_ == 0) {
        unlock();
        throw ValueError("task_done() was called more often than items were put");
    }
    discount(1, woken);
    unlock();
}

void QueueCore::join() {
    lock();
    if (unfinished_ == 0) {
        unlock();
        return;
    }
    joiners_.lock();
    unlock();
    if (!joiners_.wait("Queue.join", this).ok()) {
        throw_cancelled();
    }
}

void QueueCore::shutdown(bool immediate) noexcept {
    WokenList woken;
    lock();
    QueueNode* dropped = nullptr;
    if (immediate && phase_ != Phase::Immediate) {
        phase_ = Phase::Immediate;
        discount(items_.size() + handed_, woken);
        while (QueueNode* const node = items_.pop()) {
            node->next = dropped;
            dropped = node;
        }
    } else if (phase_ == Phase::Open) {
        phase_ = Phase::Draining;
    }
    end_if_exhausted(woken);
    // They find that no place was promised to them.
    putters_.lock();
    putters_.wake_all(woken);
    putters_.unlock();
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
    const std::size_t size = items_.size();
    unlock();
    return size;
}

bool QueueCore::full() noexcept {
    lock();
    const bool full = !has_place();
    unlock();
    return full;
}

/// Counts a node that was put, and offers it. With the lock.
void QueueCore::accept(QueueNode& node, WokenList& woken) noexcept {
    ++unfinished_;
    node.sequence = next_sequence_++;
    offer(node, woken);
}

/// Keeps a node that a plain item was copied out of; returns it if there are enough. With the lock.
QueueNode* QueueCore::keep(QueueNode& node) noexcept {
    if (spare_count_ == kMostSpares) {
        return &node;
    }
    ++spare_count_;
    node.next = spares_;
    spares_ = &node;
    return nullptr;
}

/// Gives a node to the first get() that waits, or puts it in. With the lock.
void QueueCore::offer(QueueNode& node, WokenList& woken) noexcept {
    std::uintptr_t getter = 0;
    if (getters_.wake_one(woken, &getter)) {
        variable_at<QueueNode*>(getter) = &node;
        ++handed_;
    } else {
        items_.push(node);
    }
}

/// Takes the next node; null when there is none. With the lock.
QueueNode* QueueCore::pop(WokenList& woken) noexcept {
    QueueNode* const node = items_.pop();
    if (node != nullptr) {
        place_was_freed(woken);
    }
    return node;
}

/// Promises the place that somebody just left to the first put() that waits. With the lock.
void QueueCore::place_was_freed(WokenList& woken) noexcept {
    if (!putters_wait_ || !has_place()) {
        return;
    }
    std::uintptr_t putter = 0;
    putters_.lock();
    putters_wait_ = putters_.wake_one(woken, &putter);
    putters_.unlock();
    if (putters_wait_) {
        variable_at<bool>(putter) = true;
        ++promised_;
    }
}

/// Wakes those who would wait forever; they find that they were given nothing. With the lock.
void QueueCore::end_if_exhausted(WokenList& woken) noexcept {
    if (exhausted()) {
        getters_.wake_all(woken);
    }
}

/// Counts items as finished, and wakes join() when those were the last. With the lock.
void QueueCore::discount(std::size_t count, WokenList& woken) noexcept {
    const bool any = unfinished_ != 0;
    unfinished_ -= std::min(count, unfinished_);
    if (any && unfinished_ == 0) {
        joiners_.lock();
        joiners_.wake_all(woken);
        joiners_.unlock();
    }
}

}  // namespace weft::detail
