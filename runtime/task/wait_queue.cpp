#include <optional>
#include <utility>
#include <weft/detail/wait_queue.hpp>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "task/park.hpp"
#include "task/task_state.hpp"
#include "task/thread_parker.hpp"

namespace weft::detail {
namespace {

rt::Nanos to_nanos(std::chrono::steady_clock::time_point when) noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count();
}

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
    const char* what,
    const void* object,
    std::chrono::steady_clock::time_point deadline,
    std::uintptr_t argument,
    WokenList* woken
) {
    WaitNode node;
    node.argument = argument;
    rt::Carrier* const carrier = rt::current_carrier();
    if (carrier == nullptr) {
        return wait_as_thread(node, deadline, woken);
    }
    if (carrier->current == nullptr) {
        unlock();
        require_waitable(what);
    }
    TaskState& task = *carrier->current;
    task.wait_what.store(what, rt::relaxed);
    task.wait_object.store(object, rt::relaxed);
    return wait_as_task(task, node, deadline, woken);
}

WaitOutcome WaitQueue::wait_as_task(
    TaskState& task,
    WaitNode& node,
    std::chrono::steady_clock::time_point deadline,
    WokenList* woken
) {
    rt::Carrier* const carrier = rt::current_carrier();
    const bool masked = rt::cancellation_masked(*carrier);
    if (!masked && task.sleep.cancel_marked()) [[unlikely]] {
        // As in asyncio, a task that was cancelled while it ran lets the others go first.
        unlock();
        if (woken != nullptr) {
            woken->submit();
        }
        rt::suspend_to_back(*carrier);
        task.sleep.take_cancel_mark();
        return {.granted = false, .cancelled = true, .timed_out = false};
    }
    node.task = &task;
    node.epoch = task.sleep.epoch();
    if (deadline != kNoDeadline) {
        try {
            carrier->sink->arm(task, node.epoch, to_nanos(deadline));
        } catch (...) {
            unlock();
            throw;
        }
    }
    link(node);
    std::optional<Unlocking> unlocking;
    rt::Sleep sleep{task, node.epoch, {.masked = masked}, &unlock_queue, this};
    if (woken != nullptr) {
        sleep.publish = &Unlocking::commit;
        sleep.argument = &unlocking.emplace(Unlocking{*this, *woken});
    }
    const char* const what = task.wait_what.load(rt::relaxed);
    const rt::WakeReason reason =
        rt::park(*carrier, sleep, what, task.wait_object.load(rt::relaxed));
    WaitOutcome outcome{
        .granted = reason == rt::WakeReason::Granted,
        .cancelled = reason == rt::WakeReason::Cancelled,
        .timed_out = reason == rt::WakeReason::TimedOut,
    };
    if (!outcome.granted) {
        // The queue cannot be gone: nobody took this sleeper out of it.
        lock();
        if (node.linked) {
            unlink(node);
        }
        unlock();
    }
    if (!masked && task.sleep.take_cancel_mark()) {
        outcome.cancelled = true;  // it came after the grant, before the task went on: it wins
    }
    return outcome;
}

WaitOutcome WaitQueue::wait_as_thread(
    WaitNode& node, std::chrono::steady_clock::time_point deadline, WokenList* woken
) {
    ThreadParker parker;
    node.thread = &parker;
    link(node);
    unlock();
    if (woken != nullptr) {
        woken->submit();
    }
    if (deadline == kNoDeadline) {
        parker.wait();
        return {.granted = true, .cancelled = false, .timed_out = false};
    }
    if (parker.wait_until(deadline)) {
        return {.granted = true, .cancelled = false, .timed_out = false};
    }
    lock();
    const bool taken = !node.linked;
    if (!taken) {
        unlink(node);
    }
    unlock();
    if (taken) {
        parker.wait();  // the waker has this thread in hand and is about to signal
    }
    return {.granted = taken, .cancelled = false, .timed_out = !taken};
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
