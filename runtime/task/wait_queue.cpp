#include <string>
#include <utility>
#include <weft/detail/wait_queue.hpp>

#include "base/check.hpp"
#include "task/park.hpp"
#include "task/task_state.hpp"
#include "task/thread_parker.hpp"

namespace weft::detail {
namespace {

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

/// As in asyncio, a task that was cancelled while it ran lets the others go first.
[[gnu::noinline]] WaitOutcome wait_cancelled(rt::Carrier& carrier, WokenList* woken) {
    TaskState& task = *carrier.current;
    if (woken != nullptr) {
        woken->submit();
    }
    // With what it was cancelled before: later messages do not count.
    const std::string message = task.take_cancel_message();
    rt::suspend_to_back(carrier);
    task.sleep.take_cancel_mark();
    task.set_cancel_message(message);
    return WaitOutcome(WaitOutcome::Cancelled);
}

}  // namespace

WaitList::~WaitList() {
    WEFT_CHECK(head_ == nullptr, "a primitive was destroyed while somebody waits for it");
}

void WaitList::link(WaitNode& node) noexcept {
    node.previous = tail_;
    (tail_ != nullptr ? tail_->next : head_) = &node;
    tail_ = &node;
    node.linked = true;
}

void WaitList::unlink(WaitNode& node) noexcept {
    (node.previous != nullptr ? node.previous->next : head_) = node.next;
    (node.next != nullptr ? node.next->previous : tail_) = node.previous;
    node.linked = false;
}

/// Takes out the node of one whom nobody woke.
void WaitList::leave(SpinLock& lock, WaitNode& node) noexcept {
    lock.lock();
    if (node.linked) {
        unlink(node);
    }
    lock.unlock();
}

WaitOutcome WaitList::wait(
    SpinLock& lock,
    const char* what,
    const void* object,
    std::uintptr_t argument,
    WokenList* woken
) {
    WaitNode node;
    node.argument = argument;
    rt::Carrier* const carrier = rt::current_carrier();
    if (carrier == nullptr) [[unlikely]] {
        return wait_as_thread(lock, node, woken);
    }
    if (carrier->current == nullptr) [[unlikely]] {
        lock.unlock();
        require_waitable(what);
    }
    TaskState& task = *carrier->current;
    const bool masked = rt::cancellation_masked(*carrier);
    if (task.sleep.cancel_marked() && !masked) [[unlikely]] {
        lock.unlock();
        return wait_cancelled(*carrier, woken);
    }
    node.task = &task;
    node.epoch = task.sleep.epoch();
    link(node);
    Publishing publishing{task, lock, node.epoch, woken, masked};
    std::uint8_t outcome = WaitOutcome::Granted;
    if (rt::park(*carrier, &Publishing::commit, &publishing, what, object) ==
        rt::WakeReason::Cancelled) [[unlikely]] {
        outcome = WaitOutcome::Cancelled;
        leave(lock, node);  // it cannot be gone: nobody took this sleeper out of the list
    }
    if (!masked && task.sleep.take_cancel_mark()) [[unlikely]] {
        // It came after the grant, before the task went on: it wins.
        outcome |= WaitOutcome::Cancelled;
    }
    return WaitOutcome(outcome);
}

WaitOutcome WaitList::wait_as_thread(SpinLock& lock, WaitNode& node, WokenList* woken) {
    ThreadParker parker;
    node.thread = &parker;
    link(node);
    lock.unlock();
    if (woken != nullptr) {
        woken->submit();
    }
    parker.wait();
    return WaitOutcome(WaitOutcome::Granted);
}

bool WaitList::wake_first(WokenList& woken, std::uintptr_t* argument) noexcept {
    do {
        WaitNode& node = *head_;
        unlink(node);
        if (argument != nullptr) {
            *argument = node.argument;
        }
        if (node.thread != nullptr) {
            node.thread->next = woken.threads_;
            woken.threads_ = node.thread;
            return true;
        }
        TaskState& task = *node.task;
        if (task.sleep.claim(node.epoch, rt::WakeReason::Granted)) {
            // The sleep is won, so its link for the ready queue is ours.
            task.Runnable::next = nullptr;
            if (woken.last_task_ != nullptr) {
                woken.last_task_->Runnable::next = &task;
            } else {
                woken.tasks_ = &task;
            }
            woken.last_task_ = &task;
            return true;
        }
    } while (head_ != nullptr);
    return false;
}

void WaitList::wake_all(WokenList& woken) noexcept {
    while (wake_one(woken)) {
    }
}

void WokenList::submit() noexcept {
    while (tasks_ != nullptr) {
        TaskState& task = *tasks_;
        tasks_ = static_cast<TaskState*>(task.Runnable::next);
        task.loop()->submit(task);
    }
    last_task_ = nullptr;
    while (threads_ != nullptr) {
        ThreadParker& parker = *threads_;
        threads_ = parker.next;  // before signal: the thread may be gone after
        parker.signal();
    }
}

void require_waitable(const char* what) {
    const rt::Carrier* const carrier = rt::current_carrier();
    if (carrier != nullptr && carrier->current == nullptr) {
        throw RuntimeError(
            std::string(what) + " would have to wait inside a callback; make a task of it"
        );
    }
}

}  // namespace weft::detail
