#include <optional>
#include <string>
#include <utility>
#include <weft/detail/wait_queue.hpp>

#include "base/check.hpp"
#include "task/park.hpp"
#include "task/task_state.hpp"
#include "task/thread_parker.hpp"

namespace weft::detail {
namespace {

void unlock_queue(void* argument) noexcept {
    static_cast<WaitQueue*>(argument)->unlock();
}

/// On the sleeper's stack, which is there as long as the queue is locked: one who was cancelled
/// meanwhile takes the lock before it goes on.
struct Unlocking {
    WaitQueue& queue;
    WokenList& woken;

    static void commit(void* argument) noexcept {
        auto& self = *static_cast<Unlocking*>(argument);
        WaitQueue& queue = self.queue;
        const WokenList woken(std::move(self.woken));
        queue.unlock();
    }
};

}  // namespace

WaitQueue::~WaitQueue() {
    WEFT_CHECK(head_ == nullptr, "a primitive was destroyed while somebody waits for it");
}

bool WaitQueue::empty() noexcept {
    return head_ == nullptr;
}

void WaitQueue::link(WaitNode& node) noexcept {
    node.previous = tail_;
    (tail_ != nullptr ? tail_->next : head_) = &node;
    tail_ = &node;
    node.linked = true;
}

void WaitQueue::unlink(WaitNode& node) noexcept {
    (node.previous != nullptr ? node.previous->next : head_) = node.next;
    (node.next != nullptr ? node.next->previous : tail_) = node.previous;
    node.linked = false;
}

WaitOutcome WaitQueue::wait(
    const char* what, const void* object, std::uintptr_t argument, WokenList* woken
) {
    WaitNode node;
    node.argument = argument;
    const rt::Carrier* const carrier = rt::current_carrier();
    if (carrier == nullptr) {
        return wait_as_thread(node, woken);
    }
    if (carrier->current == nullptr) {
        unlock();
        require_waitable(what);
    }
    return wait_as_task(node, what, object, woken);
}

WaitOutcome WaitQueue::wait_as_task(
    WaitNode& node, const char* what, const void* object, WokenList* woken
) {
    rt::Carrier* const carrier = rt::current_carrier();
    TaskState& task = *carrier->current;
    const bool masked = rt::cancellation_masked(*carrier);
    if (!masked && task.sleep.cancel_marked()) [[unlikely]] {
        // As in asyncio, a task that was cancelled while it ran lets the others go first.
        unlock();
        if (woken != nullptr) {
            woken->submit();
        }
        // With what it was cancelled before: later messages do not count.
        const std::string message = task.take_cancel_message();
        rt::suspend_to_back(*carrier);
        task.sleep.take_cancel_mark();
        task.set_cancel_message(message);
        return WaitOutcome(WaitOutcome::Cancelled);
    }
    node.task = &task;
    node.epoch = task.sleep.epoch();
    link(node);
    std::optional<Unlocking> unlocking;
    rt::Sleep sleep{task, node.epoch, {.masked = masked}, &unlock_queue, this};
    if (woken != nullptr) {
        sleep.publish = &Unlocking::commit;
        sleep.argument = &unlocking.emplace(Unlocking{*this, *woken});
    }
    std::uint8_t outcome = WaitOutcome::Granted;
    if (rt::park(*carrier, sleep, what, object) == rt::WakeReason::Cancelled) [[unlikely]] {
        outcome = WaitOutcome::Cancelled;
        // The queue cannot be gone: nobody took this sleeper out of it.
        lock();
        if (node.linked) {
            unlink(node);
        }
        unlock();
    }
    if (!masked && task.sleep.take_cancel_mark()) {
        // It came after the grant, before the task went on: it wins.
        outcome |= WaitOutcome::Cancelled;
    }
    return WaitOutcome(outcome);
}

WaitOutcome WaitQueue::wait_as_thread(WaitNode& node, WokenList* woken) {
    ThreadParker parker;
    node.thread = &parker;
    link(node);
    unlock();
    if (woken != nullptr) {
        woken->submit();
    }
    parker.wait();
    return WaitOutcome(WaitOutcome::Granted);
}

bool WaitQueue::wake_one(WokenList& woken, std::uintptr_t* argument) noexcept {
    while (head_ != nullptr) {
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
    }
    return false;
}

void WaitQueue::wake_all(WokenList& woken) noexcept {
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
