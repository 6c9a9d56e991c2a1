#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/atomic.hpp"
#include "model/checker.hpp"
#include "task/sleep_word.hpp"

/// What tasks wait in: runtime/task/{wait_inline.hpp,wait_queue.cpp}, include/weft/detail/spin_lock.hpp, and
/// runtime/sync/{event,semaphore}.cpp with their headers, over the real SleepWord. Models, as the code
/// itself is public (atomics and all) or stands on carriers and stacks; functions have the names of
/// those they follow.
namespace weft::model {

/// What the models do wrong on purpose.
enum class WaitBug {
    None,
    OpenAfterUnlock,    ///< the sleeper is in the queue before its word is open
    WakeWithoutClaim,   ///< whoever is in the queue is woken, cancelled or not
    StaysLinked,        ///< one who was cancelled goes, and leaves its node
    UnlinkWithoutLock,  ///< it takes its node out without the lock
    KeepsPermit,        ///< one who was both granted and cancelled does not hand the permit on
    MarkIsForgotten,    ///< a cancellation that was marked before the sleep is not looked for
    SetBeforeWake,  ///< Event: sets the flag, then wakes those it finds in the queue, and touches it
    SleepsUnannounced,  ///< Event: a waiter does not say that it is queued
    LostPermit,         ///< Semaphore: of two permits and one waiter, one goes nowhere
    UnlockEarly,        ///< SpinLock: free before what it guards is done
};

/// SpinLock. Who finds it taken lets the others come first, as lock_slow() gives the core away.
class ModelSpinLock {
public:
    void lock() noexcept {
        while (locked_.exchange(true, rt::acquire)) {
            pass();
        }
    }
    void unlock() noexcept { locked_.store(false, rt::release); }

private:
    Atomic<bool> locked_{false};
};

/// A task, as far as it sleeps.
struct ModelSleeper {
    rt::SleepWord<Atomic> word;
    Plain<int> context{0};  // written when the stack is left, used by whoever submits
    int submitted = 0;      // and did not go on since
    Handover ready;

    void submit() {
        require(context == 1, "the task has left its stack");
        require(++submitted == 1, "a sleep ends once");
        ready.raise();
    }
    /// TaskState::request_cancel, of a sleep that does not forward.
    void cancel() {
        if (word.request_cancel() == rt::SleepWord<Atomic>::CancelStep::Claimed) {
            submit();
        }
    }
    rt::WakeReason go_on() {
        ready.await();
        submitted = 0;
        context = 0;
        return word.reason();
    }
};

/// Lies on the sleeper's stack: gone when wait() returns.
struct ModelNode {
    Plain<ModelNode*> previous{nullptr};
    Plain<ModelNode*> next{nullptr};
    Plain<ModelSleeper*> task{nullptr};
    Plain<std::uint64_t> epoch{0};
    Plain<bool> linked{false};
};

using ModelWoken = std::vector<ModelSleeper*>;

inline void submit_all(ModelWoken& woken) {
    for (ModelSleeper* const task : woken) {
        task->submit();
    }
    woken.clear();
}

class ModelWaitQueue {
public:
    struct Outcome {
        bool granted = false;
        bool cancelled = false;
    };

    explicit ModelWaitQueue(WaitBug planted = WaitBug::None) : bug_(planted) {}

    void lock() noexcept { lock_.lock(); }
    void unlock() noexcept { lock_.unlock(); }

    /// With the lock; returns without.
    Outcome wait(ModelSleeper& task, ModelNode& node) {
        if (task.word.cancel_marked()) {
            unlock();
            task.word.take_cancel_mark();
            return {.cancelled = true};
        }
        const std::uint64_t epoch = task.word.epoch();
        node.task = &task;
        node.epoch = epoch;
        link(node);
        task.context = 1;
        commit(task, epoch);
        Outcome outcome{.granted = true};
        if (task.go_on() == rt::WakeReason::Cancelled) {
            outcome = {.cancelled = true};
            leave(node);
        }
        if (task.word.take_cancel_mark()) {
            outcome.cancelled = true;
        }
        node.task = nullptr;  // its frame goes
        return outcome;
    }
    /// With the lock.
    bool wake_one(ModelWoken& woken) {
        while (head_ != nullptr) {
            ModelNode& node = *static_cast<ModelNode*>(head_);
            unlink(node);
            ModelSleeper* const task = node.task;
            require(task != nullptr, "a node in the queue is somebody's");
            if (task->word.claim(node.epoch, rt::WakeReason::Granted) ||
                bug_ == WaitBug::WakeWithoutClaim) {
                woken.push_back(task);
                return true;
            }
        }
        return false;
    }
    [[nodiscard]] bool empty() const { return head_ == nullptr; }

private:
    /// Publishing::commit.
    void commit(ModelSleeper& task, std::uint64_t epoch) {
        if (bug_ == WaitBug::OpenAfterUnlock) {
            unlock();
        }
        const bool undisturbed = task.word.open({});
        if (bug_ != WaitBug::OpenAfterUnlock) {
            unlock();
        }
        if (!undisturbed && bug_ != WaitBug::MarkIsForgotten &&
            task.word.claim(epoch, rt::WakeReason::Cancelled)) {
            task.submit();
        }
    }
    void leave(ModelNode& node) {
        if (bug_ == WaitBug::StaysLinked) {
            return;
        }
        if (bug_ != WaitBug::UnlinkWithoutLock) {
            lock();
        }
        if (node.linked) {
            unlink(node);
        }
        if (bug_ != WaitBug::UnlinkWithoutLock) {
            unlock();
        }
    }
    void link(ModelNode& node) {
        ModelNode* const last = tail_;
        node.previous = last;
        node.next = nullptr;
        if (last != nullptr) {
            last->next = &node;
        } else {
            head_ = &node;
        }
        tail_ = &node;
        node.linked = true;
    }
    void unlink(ModelNode& node) {
        ModelNode* const previous = node.previous;
        ModelNode* const next = node.next;
        if (previous != nullptr) {
            previous->next = next;
        } else {
            head_ = next;
        }
        if (next != nullptr) {
            next->previous = previous;
        } else {
            tail_ = previous;
        }
        node.linked = false;
    }

    const WaitBug bug_;
    ModelSpinLock lock_;
    Plain<ModelNode*> head_{nullptr};
    Plain<ModelNode*> tail_{nullptr};
};

class ModelEvent {
public:
    explicit ModelEvent(WaitBug planted = WaitBug::None) : bug_(planted), waiters_(planted) {}

    [[nodiscard]] bool is_set() const { return state_.load(rt::acquire) == kSet; }
    void set() {
        if (bug_ == WaitBug::SetBeforeWake) {
            state_.exchange(kSet, rt::acq_rel);
            set_slow_once();
            submit_all(woken_[static_cast<std::size_t>(self())]);
            return;
        }
        while (!try_set()) {
            set_slow_once();
        }
        submit_all(woken_[static_cast<std::size_t>(self())]);
    }
    /// False when it was cancelled.
    bool wait(ModelSleeper& task, ModelNode& node) {
        if (is_set()) {
            return true;
        }
        waiters_.lock();
        int state = kUnset;
        if (bug_ != WaitBug::SleepsUnannounced &&
            !state_.compare_exchange_strong(state, kWaited, rt::acquire, rt::acquire) &&
            state == kSet) {
            waiters_.unlock();
            return true;
        }
        const ModelWaitQueue::Outcome outcome = waiters_.wait(task, node);
        return outcome.granted && !outcome.cancelled;
    }

private:
    static constexpr int kUnset = 0;
    static constexpr int kWaited = 1;
    static constexpr int kSet = 2;

    bool try_set() {
        int state = state_.load(rt::relaxed);
        while (state != kWaited) {
            if (state_.compare_exchange_weak(state, kSet, rt::release, rt::relaxed)) {
                return true;
            }
        }
        return false;
    }
    void set_slow_once() {
        ModelWoken& woken = woken_[static_cast<std::size_t>(self())];
        waiters_.lock();
        int expected = kWaited;
        if (state_.compare_exchange_strong(expected, kUnset, rt::relaxed, rt::relaxed)) {
            while (waiters_.wake_one(woken)) {
            }
        }
        waiters_.unlock();
    }

    const WaitBug bug_;
    ModelWaitQueue waiters_;
    Atomic<int> state_{kUnset};
    std::array<ModelWoken, kMostThreads>
        woken_;  // by thread: nothing on a virtual stack owns memory
};

class ModelSemaphore {
public:
    explicit ModelSemaphore(int value, WaitBug planted = WaitBug::None)
        : bug_(planted), waiters_(planted), value_(value) {}

    bool try_acquire() {
        int value = value_.load(rt::relaxed);
        while (value > 0) {
            if (value_.compare_exchange_weak(value, value - 1, rt::acquire, rt::relaxed)) {
                return true;
            }
        }
        return false;
    }
    /// False when it was cancelled.
    bool acquire(ModelSleeper& task, ModelNode& node) {
        if (try_acquire()) {
            return true;
        }
        waiters_.lock();
        int value = value_.load(rt::relaxed);
        while (value != kContended) {
            const int next = value == 0 ? kContended : value - 1;
            if (value_.compare_exchange_weak(value, next, rt::acquire, rt::relaxed)) {
                if (next != kContended) {
                    waiters_.unlock();
                    return true;
                }
                break;
            }
        }
        const ModelWaitQueue::Outcome outcome = waiters_.wait(task, node);
        if (outcome.granted && !outcome.cancelled) {
            return true;
        }
        if (outcome.granted && bug_ != WaitBug::KeepsPermit) {
            release(1);
        }
        return false;
    }
    void release(int count) {
        while (count > 0 && !try_release(count)) {
            ModelWoken& woken = woken_[static_cast<std::size_t>(self())];
            waiters_.lock();
            const bool contended = value_.load(rt::relaxed) == kContended;
            while (contended && count > 0 && waiters_.wake_one(woken)) {
                --count;
            }
            if (contended && count > 0) {
                value_.store(0, rt::relaxed);
            }
            waiters_.unlock();
            if (bug_ == WaitBug::LostPermit) {
                count = 0;
            }
        }
        submit_all(woken_[static_cast<std::size_t>(self())]);
    }
    [[nodiscard]] int value() const {
        const int value = value_.load(rt::relaxed);
        return value > 0 ? value : 0;
    }

private:
    static constexpr int kContended = -1;

    bool try_release(int count) {
        int value = value_.load(rt::relaxed);
        while (value >= 0) {
            if (value_.compare_exchange_weak(value, value + count, rt::release, rt::relaxed)) {
                return true;
            }
        }
        return false;
    }

    const WaitBug bug_;
    ModelWaitQueue waiters_;
    Atomic<int> value_;
    std::array<ModelWoken, kMostThreads> woken_;
};

}  // namespace weft::model
