#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "base/atomic.hpp"
#include "base/clock.hpp"
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
    std::size_t made = 0;     ///< stacks that take memory
    std::size_t out = 0;      ///< of these, the ones that caches or tasks hold
    std::size_t trimmed = 0;  ///< how often a stack's memory was given back
};

/// Guarded stacks of one size for all workers.
///
/// Address space comes in slabs and stays until the pool goes, so a stack's memory is never unmapped under
/// a stale pointer. Giving a page back and faulting it in again costs more than anything that a task does
/// with its stack: so a stack keeps its memory until nobody has wanted it for a second or two. Then what
/// is below its top page is given back, and of those that are more than kKept the top page too.
///
/// Free stacks lie in batches, as they came, the warmest on top.
///
/// Threads  any. The kernel is never called while the mutex is held.
class StackPool {
public:
    /// How long a stack lies unused, at least, before its memory is given back; at most twice as long.
    static constexpr Nanos kUnused = 1'000'000'000;
    /// How many stacks without work keep a page each.
    static constexpr std::size_t kKept = 1024;

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

    /// Gives the memory of some stacks back that nobody has wanted for long: up to kTrimmedTogether, so
    /// that a loop which calls this while it has nothing to do is soon back.
    ///
    /// Returns  from when on there may be more to do, `now` or earlier: at once; kNever: there is nothing.
    Nanos trim(Nanos now) noexcept;

    /// What trim() would return, or a moment ago.
    [[nodiscard]] Nanos trim_at() const noexcept { return trim_at_.load(relaxed); }

    [[nodiscard]] StackPoolStats stats() const noexcept;
    [[nodiscard]] const StackLayout& layout() const noexcept { return layout_; }

private:
    /// Stacks of the slab, which nobody else will make.
    struct Claim {
        Slab* slab = nullptr;
        std::uint64_t which = 0;
        std::size_t count = 0;
    };
    /// Batches, linked by the first stack of each.
    class Batches {
    public:
        [[nodiscard]] Stack* newest() const noexcept { return newest_; }
        [[nodiscard]] Stack* oldest() const noexcept { return oldest_; }
        void push(Stack& batch) noexcept;
        void push_oldest(Stack& batch) noexcept;
        void remove(Stack& batch) noexcept;

    private:
        Stack* newest_ = nullptr;
        Stack* oldest_ = nullptr;
    };

    // under the mutex
    StackBatch take_free(Batches& from, std::size_t wanted) noexcept;
    Claim claim_fresh(std::size_t wanted) noexcept;
    Stack* take_unused(Nanos now) noexcept;
    [[nodiscard]] std::uint64_t all_made() const noexcept {
        return ~std::uint64_t{0} >> (kStacksMax - layout_.stacks_per_slab);
    }

    void add_slab(Slab* slab) noexcept;

    static constexpr std::size_t kStacksMax = 64;  // bits of Slab::made

    const StackLayout layout_;
    const GuardKinds allowed_;
    Atomic<Nanos> trim_at_{kNever};  // written under the mutex; relaxed: a hint

    mutable std::mutex mutex_;       // guards what follows; nothing is locked under it
    Batches free_;                   // with the memory that tasks have touched
    Batches trimmed_;                // with their top page
    std::size_t trimmed_count_ = 0;  // stacks
    std::uint32_t age_ = 0;          // grows by one each kUnused, while it is asked for
    Nanos next_age_ = 0;             // when
    Slab* slabs_ = nullptr;          // all
    Slab* fresh_ = nullptr;          // those with stacks that are not made
    StackPoolStats stats_;
};

/// The pool of stacks of the default size. Lives as long as the process: tasks that outlive a
/// runtime's shutdown are left on their stacks.
[[nodiscard]] StackPool& process_stack_pool() noexcept;

/// The stacks that one worker has at hand. Those that it has not wanted for a while go back to the pool.
///
/// Threads  its worker's.
class StackCache {
public:
    static constexpr std::size_t kCap = 256;
    static constexpr std::size_t kBatch = 64;
    static constexpr std::size_t kKept = 16;  // stay here, wanted or not

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
        lowest_ = std::min(lowest_, --count_);
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
            give_back_coldest(kBatch);
        }
    }

    /// Whether tidy() may have something to do, now or later.
    [[nodiscard]] bool is_untidy() const noexcept {
        return count_ > kKept || pool_.trim_at() != kNever;
    }
    /// For a loop that is about to sleep: gives stacks back that it has not wanted for StackPool::kUnused,
    /// and the memory of some that nobody has.
    ///
    /// Returns  how long until there may be more to do; kNever: for ever.
    [[nodiscard]] Nanos tidy(Nanos now) noexcept;

    [[nodiscard]] StackPool& pool() const noexcept { return pool_; }

private:
    bool refill() noexcept;
    void give_back_coldest(std::size_t given) noexcept;

    StackPool& pool_;
    Stack* head_ = nullptr;
    std::size_t count_ = 0;
    std::size_t lowest_ = 0;  // what count_ has been since the last look: so many were not wanted
    Nanos look_at_ = 0;
};

}  // namespace weft::rt
