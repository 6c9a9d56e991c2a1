#include "fiber/stack_pool.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "base/check.hpp"
#include "base/never_destroyed.hpp"

namespace weft::rt {
namespace {

// Stacks that are made in one go. Each is a resident page, used or not. One call for 16 top pages
// makes a cold stack and its first run 1.7 times as fast as page faults do (16 and 28 us of CPU
// where faults are dear); 32 are no faster.
constexpr std::size_t kMadeTogether = 16;

}  // namespace

StackPool::~StackPool() {
    WEFT_CHECK(stats_.out == 0, "a pool of stacks was destroyed while tasks stand on them");
    for (Slab* slabs : {fresh_, spent_}) {
        while (slabs != nullptr) {
            unmap_slab(std::exchange(slabs, slabs->next), layout_);
        }
    }
}

StackBatch StackPool::take_batch(std::size_t wanted) noexcept {
    for (;;) {
        Claim claim;
        {
            const std::lock_guard lock{mutex_};
            if (free_ != nullptr) {
                return take_free(wanted);
            }
            claim = claim_fresh(wanted);
        }
        if (claim.count > 0) {
            Stack* const head = make_stacks(*claim.slab, layout_, *this, claim.first, claim.count);
            return {head, claim.count};
        }
        // Two workers may grow the pool at once; what is too much now is used later.
        Slab* const slab = map_slab(layout_, allowed_);
        if (slab == nullptr) {
            return {};
        }
        add_slab(slab);
    }
}

StackBatch StackPool::take_free(std::size_t wanted) noexcept {
    StackBatch batch{free_, 1};
    Stack* last = free_;
    while (batch.count < wanted && last->next != nullptr) {
        last = last->next;
        ++batch.count;
    }
    free_ = std::exchange(last->next, nullptr);
    stats_.out += batch.count;
    return batch;
}

StackPool::Claim StackPool::claim_fresh(std::size_t wanted) noexcept {
    if (fresh_ == nullptr) {
        return {};
    }
    Slab* const slab = fresh_;
    const std::size_t first = slab->made;
    const std::size_t count = std::min({wanted, kMadeTogether, layout_.stacks_per_slab - first});
    slab->made += count;
    if (slab->made == layout_.stacks_per_slab) {
        fresh_ = slab->next;
        slab->next = spent_;
        spent_ = slab;
    }
    stats_.made += count;
    stats_.out += count;
    return {slab, first, count};
}

void StackPool::add_slab(Slab* slab) noexcept {
    const std::lock_guard lock{mutex_};
    slab->next = fresh_;
    fresh_ = slab;
    ++stats_.slabs;
}

void StackPool::give_batch(StackBatch batch) noexcept {
    if (batch.head == nullptr) {
        return;
    }
    Stack* last = batch.head;
    while (last->next != nullptr) {
        last = last->next;
    }
    const std::lock_guard lock{mutex_};
    last->next = free_;
    free_ = batch.head;
    stats_.out -= batch.count;
}

StackPoolStats StackPool::stats() const noexcept {
    const std::lock_guard lock{mutex_};
    return stats_;
}

StackPool& process_stack_pool() noexcept {
    static NeverDestroyed<StackPool> pool;
    return pool.get();
}

bool StackCache::refill() noexcept {
    const StackBatch batch = pool_.take_batch(kBatch);
    head_ = batch.head;
    count_ = batch.count;
    return head_ != nullptr;
}

void StackCache::give_back_coldest() noexcept {
    Stack* last_kept = head_;
    for (std::size_t i = 1; i < count_ - kBatch; ++i) {
        last_kept = last_kept->next;
    }
    pool_.give_batch({std::exchange(last_kept->next, nullptr), kBatch});
    count_ -= kBatch;
}

}  // namespace weft::rt
