#pragma once

#include <cstdint>
#include <utility>
#include <weft/detail/spin_lock.hpp>

namespace weft::detail {

class TaskState;
class ThreadParker;

/// How a wait ended. One byte, which goes up through the sleeper's frames in a register: three bools
/// are stored one by one and loaded as one, which has to wait for the stores (6 ns a frame).
class WaitOutcome {
public:
    enum Bit : std::uint8_t { Granted = 1, Cancelled = 2 };

    explicit WaitOutcome(std::uint8_t bits) noexcept : bits_(bits) {}

    /// A waker chose this sleeper: what it hands over is the sleeper's now.
    [[nodiscard]] bool granted() const noexcept { return (bits_ & Granted) != 0; }
    /// The task was cancelled; where it is granted too, give back what was handed over.
    [[nodiscard]] bool cancelled() const noexcept { return (bits_ & Cancelled) != 0; }
    /// Whether the wait gave what it was for.
    [[nodiscard]] bool ok() const noexcept { return bits_ == Granted; }

private:
    std::uint8_t bits_;
};

/// A sleeper in a queue; lives on the sleeper's own stack.
struct WaitNode {
    WaitNode* previous = nullptr;
    WaitNode* next = nullptr;
    TaskState* task = nullptr;       ///< the sleeping task, or
    ThreadParker* thread = nullptr;  ///< the sleeping plain thread
    std::uint64_t epoch = 0;         ///< the sleep that a waker has to win
    std::uintptr_t argument = 0;     ///< for the primitive's own use
    bool linked = false;
};

/// Sleepers that were won and are to be let run. Empty it after the queue is unlocked: the lock
/// must not be held while the scheduler is called, and the queue may be gone by then.
class WokenList {
public:
    WokenList() = default;
    WokenList(WokenList&& other) noexcept
        : tasks_(std::exchange(other.tasks_, nullptr)),
          last_task_(std::exchange(other.last_task_, nullptr)),
          threads_(std::exchange(other.threads_, nullptr)) {}
    WokenList& operator=(const WokenList&) = delete;
    ~WokenList() {
        if (!empty()) {
            submit();
        }
    }

    /// Lets all of them run, in the order they were added.
    void submit() noexcept;
    /// The same; inlined, by whoever includes task/wait_inline.hpp.
    void submit_inline() noexcept;
    [[nodiscard]] bool empty() const noexcept { return tasks_ == nullptr && threads_ == nullptr; }

private:
    friend class WaitList;
    void add(TaskState& task) noexcept;
    void add(ThreadParker& thread) noexcept;

    TaskState* tasks_ = nullptr;
    TaskState* last_task_ = nullptr;
    ThreadParker* threads_ = nullptr;
};

/// Those who wait, first come first served: tasks of any loop, and plain threads. All of it is done
/// with one lock, which several lists may share.
///
/// The one way to sleep in a primitive. wait() is called with the lock held and drops it only when
/// the sleeper has left its stack, so a waker that holds the lock sees nobody half asleep. After
/// the waker has unlocked, it does not touch the list again: the object that holds it may be
/// destroyed by whoever was woken.
///
/// Threads   any, with the lock.
class WaitList {
public:
    WaitList() = default;
    WaitList(const WaitList&) = delete;
    WaitList& operator=(const WaitList&) = delete;
    ~WaitList();

    /// Whether nobody waits who could still be woken; but one who was cancelled and has not taken
    /// the lock since may be counted.
    [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }

    /// Sleeps until woken or cancelled. Call it with `lock`; it returns without.
    /// `what` names the wait in a dump ("Lock.acquire"), `object` the primitive. `woken`, if given,
    /// is let run when the sleeper is in the list and the lock is free again.
    WaitOutcome wait(
        SpinLock& lock,
        const char* what,
        const void* object,
        std::uintptr_t argument = 0,
        WokenList* woken = nullptr
    );

    /// Wins the oldest sleeper and takes it out; false when there is none. `argument`, if given,
    /// receives the sleeper's argument.
    bool wake_one(WokenList& woken, std::uintptr_t* argument = nullptr) noexcept;
    /// Wins all of them.
    void wake_all(WokenList& woken) noexcept;

    /// The same as wait() and wake_one(); inlined, by whoever includes task/wait_inline.hpp.
    WaitOutcome wait_inline(
        SpinLock& lock,
        const char* what,
        const void* object,
        std::uintptr_t argument = 0,
        WokenList* woken = nullptr
    );
    bool wake_inline(WokenList& woken, std::uintptr_t* argument = nullptr) noexcept;

private:
    void link(WaitNode& node) noexcept;
    void unlink(WaitNode& node) noexcept;
    void leave(SpinLock& lock, WaitNode& node) noexcept;
    WaitOutcome wait_cancelled(SpinLock& lock, WokenList* woken);
    WaitOutcome wait_as_thread(
        SpinLock& lock, const char* what, std::uintptr_t argument, WokenList* woken
    );

    WaitNode* head_ = nullptr;
    WaitNode* tail_ = nullptr;
};

/// A WaitList with its lock.
///
/// Threads   any. Anybody may build a primitive on it.
class WaitQueue {
public:
    void lock() noexcept { lock_.lock(); }
    void unlock() noexcept { lock_.unlock(); }

    // As those of WaitList; with the lock.
    [[nodiscard]] bool empty() const noexcept { return list_.empty(); }
    WaitOutcome wait(
        const char* what,
        const void* object,
        std::uintptr_t argument = 0,
        WokenList* woken = nullptr
    ) {
        return list_.wait(lock_, what, object, argument, woken);
    }
    bool wake_one(WokenList& woken, std::uintptr_t* argument = nullptr) noexcept {
        return list_.wake_one(woken, argument);
    }
    void wake_all(WokenList& woken) noexcept { list_.wake_all(woken); }
    WaitOutcome wait_inline(
        const char* what,
        const void* object,
        std::uintptr_t argument = 0,
        WokenList* woken = nullptr
    );
    bool wake_inline(WokenList& woken, std::uintptr_t* argument = nullptr) noexcept;

private:
    SpinLock lock_;
    WaitList list_;
};

/// Throws CancelledError with the message that was given to the running task's cancel().
[[noreturn]] void throw_cancelled();

/// Throws RuntimeError unless a task or a plain thread is running: `what` may not wait in a
/// callback.
void require_waitable(const char* what);

}  // namespace weft::detail
