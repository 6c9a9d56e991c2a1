#include <string>
#include <utility>
#include <weft/detail/wait_queue.hpp>

#include "base/check.hpp"
#include "task/thread_parker.hpp"
#include "task/wait_inline.hpp"

namespace weft::detail {

WaitOutcome WaitList::wait_cancelled(SpinLock& lock, WokenList* woken) {
    rt::Carrier& carrier = *rt::current_carrier();
    TaskState& task = *carrier.current;
    lock.unlock();
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

WaitList::~WaitList() {
    WEFT_CHECK(head_ == nullptr, "a primitive was destroyed while somebody waits for it");
}

/// Takes out the node of one whom nobody woke: hence the list cannot be gone.
void WaitList::leave(SpinLock& lock, WaitNode& node) noexcept {
    lock.lock();
    if (node.linked) {
        unlink(node);
    }
    lock.unlock();
}

WaitOutcome WaitList::wait(
    SpinLock& lock, const char* what, const void* object, std::uintptr_t argument, WokenList* woken
) {
    return wait_inline(lock, what, object, argument, woken);
}

WaitOutcome WaitList::wait_as_thread(
    SpinLock& lock, const char* what, std::uintptr_t argument, WokenList* woken
) {
    if (rt::current_carrier() != nullptr) {
        lock.unlock();
        require_waitable(what);
    }
    WaitNode node;
    node.argument = argument;
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

bool WaitList::wake_one(WokenList& woken, std::uintptr_t* argument) noexcept {
    return wake_inline(woken, argument);
}

void WaitList::wake_all(WokenList& woken) noexcept {
    while (wake_inline(woken)) {
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
