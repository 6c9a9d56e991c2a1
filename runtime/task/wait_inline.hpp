#pragma once

#include <cstdint>
#include <utility>
#include <weft/detail/wait_queue.hpp>

#include "task/park.hpp"
#include "task/task_state.hpp"
#include "task/thread_parker.hpp"

// What a primitive does where somebody waits or is woken, as code to be inlined: each call between a task's own
// code and suspend() is one more return that the processor may predict wrong when the task goes on.

namespace weft::detail {

/// The commit of a wait: what rt::park_commit is to other sleeps, without what this one never needs.
/// On the sleeper's stack, which is there as long as the lock is held: one who was cancelled
/// meanwhile takes the lock before it goes on.
struct Publishing {
    TaskState& task;
    SpinLock& lock;
    std::uint64_t epoch;
    WokenList* woken;
    bool masked;

    static void commit(void* argument) noexcept {
        const auto& self = *static_cast<const Publishing*>(argument);
        const bool undisturbed = self.task.sleep.open({.masked = self.masked});
        if (!undisturbed || self.woken != nullptr) [[unlikely]] {
            self.unlock_and_submit(undisturbed);
            return;
        }
        self.lock.unlock();
    }

private:
    [[gnu::noinline]] void unlock_and_submit(bool undisturbed) const noexcept {
        // Copies: once the lock is free, the stack they lie on may be running elsewhere.
        TaskState& sleeper = task;
        const std::uint64_t sleep = epoch;
        {
            const WokenList others(woken != nullptr ? std::move(*woken) : WokenList());
            lock.unlock();
        }
        if (!undisturbed && sleeper.sleep.claim(sleep, rt::WakeReason::Cancelled)) {
            sleeper.loop()->submit(sleeper);
        }
    }
};

[[gnu::always_inline]] inline void WaitList::link(WaitNode& node) noexcept {
    node.previous = tail_;
    node.next = nullptr;
    (tail_ != nullptr ? tail_->next : head_) = &node;
    tail_ = &node;
    node.linked = true;
}

[[gnu::always_inline]] inline void WaitList::unlink(WaitNode& node) noexcept {
    (node.previous != nullptr ? node.previous->next : head_) = node.next;
    (node.next != nullptr ? node.next->previous : tail_) = node.previous;
    node.linked = false;
}

[[gnu::always_inline]] inline WaitOutcome WaitList::wait_inline(
    SpinLock& lock, const char* what, const void* object, std::uintptr_t argument, WokenList* woken
) {
    rt::Carrier* const carrier = rt::current_carrier();
    if (carrier == nullptr || carrier->current == nullptr) [[unlikely]] {
        return wait_as_thread(lock, what, argument, woken);
    }
    TaskState& task = *carrier->current;
    const bool masked = rt::cancellation_masked(*carrier);
    if (task.sleep.cancel_marked() && !masked) [[unlikely]] {
        return wait_cancelled(lock, woken);
    }
    WaitNode node;
    node.task = &task;
    node.epoch = task.sleep.epoch();
    node.argument = argument;
    link(node);
    Publishing publishing{task, lock, node.epoch, woken, masked};
    std::uint8_t outcome = WaitOutcome::Granted;
    if (rt::park(*carrier, &Publishing::commit, &publishing, what, object) ==
        rt::WakeReason::Cancelled) [[unlikely]] {
        outcome = WaitOutcome::Cancelled;
        leave(lock, node);
    }
    if (!masked && task.sleep.take_cancel_mark()) [[unlikely]] {
        // It came after the grant, before the task went on: it wins.
        outcome |= WaitOutcome::Cancelled;
    }
    return WaitOutcome(outcome);
}

[[gnu::always_inline]] inline bool WaitList::wake_inline(
    WokenList& woken, std::uintptr_t* argument
) noexcept {
    while (head_ != nullptr) {
        WaitNode& node = *head_;
        head_ = node.next;
        (head_ != nullptr ? head_->previous : tail_) = nullptr;
        node.linked = false;
        if (argument != nullptr) {
            *argument = node.argument;
        }
        if (node.thread != nullptr) [[unlikely]] {
            woken.add(*node.thread);
            return true;
        }
        TaskState& task = *node.task;
        if (task.sleep.claim(node.epoch, rt::WakeReason::Granted)) [[likely]] {
            woken.add(task);
            return true;
        }
    }
    return false;
}

[[gnu::always_inline]] inline void WokenList::add(TaskState& task) noexcept {
    // The sleep is won, so its link for the ready queue is ours.
    task.Runnable::next = nullptr;
    if (last_task_ != nullptr) {
        last_task_->Runnable::next = &task;
    } else {
        tasks_ = &task;
    }
    last_task_ = &task;
}

inline void WokenList::add(ThreadParker& thread) noexcept {
    thread.next = threads_;
    threads_ = &thread;
}

[[gnu::always_inline]] inline void WokenList::submit_inline() noexcept {
    if (tasks_ != last_task_ || threads_ != nullptr) [[unlikely]] {
        submit();
    } else if (tasks_ != nullptr) {
        TaskState& task = *tasks_;
        tasks_ = last_task_ = nullptr;
        task.loop()->submit(task);
    }
}

[[gnu::always_inline]] inline WaitOutcome WaitQueue::wait_inline(
    const char* what, const void* object, std::uintptr_t argument, WokenList* woken
) {
    return list_.wait_inline(lock_, what, object, argument, woken);
}

[[gnu::always_inline]] inline bool WaitQueue::wake_inline(
    WokenList& woken, std::uintptr_t* argument
) noexcept {
    return list_.wake_inline(woken, argument);
}

}  // namespace weft::detail
