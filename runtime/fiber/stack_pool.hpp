#pragma once

#include <cstddef>
#include <mutex>

#include "fiber/stack.hpp"
#include "fiber/stack_slab.hpp"

namespace weft::rt {

/// Stacks linked through `next`.
struct StackBatch {
    Stack* head = nullptr;
    std::size_t count = 0;
};

struct StackPoolStats {
    std::size_t slabs = 0;
    std::size_t made = 0;  ///< stacks whose memory was ever touched
    std::size_t out = 0;   ///< of these, the ones that caches or tasks hold
};

/// Guarded stacks of one size for all workers.
///
/// Address space comes in slabs and stays until the pool goes: giving a page back and faulting it
/// in again costs more than anything that a task does with its stack. So a stack's memory is never
/// unmapped under a stale pointer either.
///
/// Threads  any. The kernel is never called while the mutex is held.
class StackPool {
public:
    explicit StackPool(std::size_t usable_bytes = StackLayout::kUsableDefault) noexcept
        : StackPool(usable_bytes, usable_guards()) {}
    /// With fewer guard kinds than this kernel offers.
    StackPool(std::size_t usable_bytes, GuardKinds allowed) noexcept
        : layout_(usable_bytes), allowed_(allowed) {}
    StackPool(const StackPool&) = delete;
    StackPool& operator=(const StackPool&) = delete;
    ~StackPool();  ///< All stacks are back.

    /// Returns  from 1 to `wanted` stacks; none when memory is refused, which a later call may find
    ///          otherwise.
    [[nodiscard]] StackBatch take_batch(std::size_t wanted) noexcept;

    void give_batch(StackBatch batch) noexcept;

    [[nodiscard]] StackPoolStats stats() const noexcept;
    [[nodiscard]] const StackLayout& layout() const noexcept { return layout_; }

private:
    /// Stacks [first, first + count) of the slab, which nobody else will make.
    struct Claim {
        Slab* slab = nullptr;
        std::size_t first = 0;
        std::size_t count = 0;
    };

    StackBatch take_free(std::size_t wanted) noexcept;  // under the mutex
    Claim claim_fresh(std::size_t wanted) noexcept;     // under the mutex
    void add_slab(Slab* slab) noexcept;

    const StackLayout layout_;
    const GuardKinds allowed_;

    mutable std::mutex mutex_;  // guards what follows; nothing is locked under it
    Stack* free_ = nullptr;     // last in, first out: warm pages
    Slab* fresh_ = nullptr;     // slabs with stacks that were not made yet
    Slab* spent_ = nullptr;     // the others
    StackPoolStats stats_;
};

/// The pool of stacks of the default size. Lives as long as the process: tasks that outlive a
/// runtime's shutdown are left on their stacks.
[[nodiscard]] StackPool& process_stack_pool() noexcept;

/// The stacks that one worker has at hand.
///
/// Threads  its worker's.
class StackCache {
public:
    static constexpr std::size_t kCap = 256;
    static constexpr std::size_t kBatch = 64;

    explicit StackCache(StackPool& pool) noexcept : pool_(pool) {}
    StackCache(const StackCache&) = delete;
    StackCache& operator=(const StackCache&) = delete;
    ~StackCache() { pool_.give_batch({head_, count_}); }

    /// A stack for a new task; nullptr when memory is refused. What its last user left on it is
    /// still there.
    [[nodiscard]] Stack* take() noexcept {
        if (head_ == nullptr && !refill()) [[unlikely]] {
            return nullptr;
        }
        Stack* const stack = head_;
        if constexpr (kServiceIsTraced) {
            if (!enter_service(*stack)) {
                return nullptr;
            }
        }
        head_ = stack->next;
        --count_;
        return stack;
    }

    /// Whether take() would find one; asks the pool for more if there is none at hand.
    [[nodiscard]] bool has_spare() noexcept { return head_ != nullptr || refill(); }

    /// Takes back a stack of the same pool, which may come from another worker's cache. Nobody may
    /// stand on it any more.
    void give(Stack* stack) noexcept {
        if constexpr (kServiceIsTraced) {
            leave_service(*stack);
        }
        stack->owner = nullptr;
        stack->next = head_;
        head_ = stack;
        if (++count_ > kCap) [[unlikely]] {
            give_back_coldest();
        }
    }

    [[nodiscard]] StackPool& pool() const noexcept { return pool_; }

private:
    bool refill() noexcept;
    void give_back_coldest() noexcept;

    StackPool& pool_;
    Stack* head_ = nullptr;
    std::size_t count_ = 0;
};

}  // namespace weft::rt
