#include "fiber/stack_pool.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <new>
#include <span>
#include <utility>

#include "base/check.hpp"
#include "base/never_destroyed.hpp"

namespace weft::rt {
namespace {

// Stacks that are made in one go. Each is a resident page, used or not. One call for 16 top pages
// makes a cold stack and its first run 1.7 times as fast as page faults do (16 and 28 us of CPU
// where faults are dear); 32 are no faster.
constexpr std::size_t kMadeTogether = 16;
// The same once there are so many that the pages which nobody may use are few beside the others.
constexpr std::size_t kMany = 1024;
constexpr std::size_t kManyMadeTogether = 64;

}  // namespace

StackPool::~StackPool() {
    WEFT_CHECK(stats_.out == 0, "a pool of stacks was destroyed while tasks stand on them");
    while (slabs_ != nullptr) {
        unmap_slab(std::exchange(slabs_, slabs_->next), layout_);
    }
}

StackBatch StackPool::take_batch(std::size_t wanted) noexcept {
    for (;;) {
        Claim claim;
        {
            const std::lock_guard lock{mutex_};
            for (Batches* const from : {&free_, &trimmed_}) {
                if (from->newest() != nullptr) {
                    return take_free(*from, wanted);
                }
            }
            claim = claim_fresh(wanted);
        }
        if (claim.count > 0) {
            return {make_stacks(*claim.slab, layout_, *this, claim.which), claim.count};
        }
        // Two workers may grow the pool at once; what is too much now is used later.
        Slab* const slab = map_slab(layout_, allowed_);
        if (slab == nullptr) {
            return {};
        }
        add_slab(slab);
    }
}

StackBatch StackPool::take_free(Batches& from, std::size_t wanted) noexcept {
    Stack& head = *from.newest();
    from.remove(head);
    StackBatch batch{&head, head.batch_count};
    if (batch.count > wanted) {
        Stack* last = &head;
        for (std::size_t i = 1; i < wanted; ++i) {
            last = last->next;
        }
        Stack& rest = *std::exchange(last->next, nullptr);
        rest.batch_count = static_cast<std::uint32_t>(batch.count - wanted);
        rest.batch_age = head.batch_age;
        from.push(rest);
        batch.count = wanted;
    }
    if (&from == &trimmed_) {
        trimmed_count_ -= batch.count;
    }
    stats_.out += batch.count;
    return batch;
}

StackPool::Claim StackPool::claim_fresh(std::size_t wanted) noexcept {
    if (fresh_ == nullptr) {
        return {};
    }
    Claim claim{.slab = fresh_};
    const std::size_t most =
        std::min(wanted, stats_.made < kMany ? kMadeTogether : kManyMadeTogether);
    for (std::uint64_t rest = all_made() & ~fresh_->made; rest != 0 && claim.count < most;
         rest &= rest - 1) {
        claim.which |= rest & -rest;
        ++claim.count;
    }
    fresh_->made |= claim.which;
    if (fresh_->made == all_made()) {
        fresh_ = fresh_->next_fresh;
    }
    stats_.made += claim.count;
    stats_.out += claim.count;
    return claim;
}

void StackPool::add_slab(Slab* slab) noexcept {
    const std::lock_guard lock{mutex_};
    slab->next = std::exchange(slabs_, slab);
    slab->next_fresh = std::exchange(fresh_, slab);
    ++stats_.slabs;
}

void StackPool::give_batch(StackBatch batch) noexcept {
    if (batch.head == nullptr) {
        return;
    }
    const std::lock_guard lock{mutex_};
    batch.head->batch_count = static_cast<std::uint32_t>(batch.count);
    batch.head->batch_age = age_;
    free_.push(*batch.head);
    stats_.out -= batch.count;
    if (trim_at_.load(relaxed) == kNever) {
        trim_at_.store(next_age_, relaxed);
    }
}

/// A batch of at most kTrimmedTogether that has been here for kUnused at least; nullptr: none yet.
Stack* StackPool::take_unused(Nanos now) noexcept {
    if (now >= next_age_) {
        ++age_;
        next_age_ = now + kUnused;
    }
    Stack* const oldest = free_.oldest();
    // One that was given just before the age began counts from there on.
    if (oldest == nullptr || age_ - oldest->batch_age < 2) {
        trim_at_.store(oldest == nullptr ? kNever : next_age_, relaxed);
        return nullptr;
    }
    free_.remove(*oldest);
    if (oldest->batch_count > kTrimmedTogether) {
        Stack* last = oldest;
        for (std::size_t i = 1; i < kTrimmedTogether; ++i) {
            last = last->next;
        }
        Stack& rest = *std::exchange(last->next, nullptr);
        rest.batch_count = oldest->batch_count - static_cast<std::uint32_t>(kTrimmedTogether);
        rest.batch_age = oldest->batch_age;
        free_.push_oldest(rest);
        oldest->batch_count = kTrimmedTogether;
    }
    stats_.trimmed += oldest->batch_count;
    return oldest;
}

Nanos StackPool::trim(Nanos now) noexcept {
    struct Place {
        Slab* slab;
        std::uint64_t bit;
    };
    std::array<Stack*, kTrimmedTogether> stacks;
    std::array<Place, kTrimmedTogether> places;
    std::size_t count = 0;
    bool keep = true;
    {
        const std::lock_guard lock{mutex_};
        Stack* const batch = take_unused(now);
        if (batch == nullptr) {
            return trim_at_.load(relaxed);
        }
        keep = trimmed_count_ + batch->batch_count <= kKept;
        stacks[0] = batch;
    }
    for (Stack* stack = stacks[0]; stack != nullptr; stack = stack->next) {
        stacks[count] = stack;
        places[count++] = {stack->slab, std::uint64_t{1} << stack->number};
    }
    const std::span<Stack* const> unused = std::span{stacks}.first(count);
    if (keep) {
        trim_stacks(unused);
        const std::lock_guard lock{mutex_};
        trimmed_.push(*stacks[0]);
        trimmed_count_ += count;
        return now;
    }
    unmake_stacks(unused);
    const std::lock_guard lock{mutex_};
    for (const Place& place : std::span{places}.first(count)) {
        if (place.slab->made == all_made()) {
            place.slab->next_fresh = std::exchange(fresh_, place.slab);
        }
        place.slab->made &= ~place.bit;
    }
    stats_.made -= count;
    return now;
}

void StackPool::Batches::push(Stack& batch) noexcept {
    batch.newer = nullptr;
    batch.older = std::exchange(newest_, &batch);
    (batch.older != nullptr ? batch.older->newer : oldest_) = &batch;
}

void StackPool::Batches::push_oldest(Stack& batch) noexcept {
    batch.older = nullptr;
    batch.newer = std::exchange(oldest_, &batch);
    (batch.newer != nullptr ? batch.newer->older : newest_) = &batch;
}

void StackPool::Batches::remove(Stack& batch) noexcept {
    (batch.newer != nullptr ? batch.newer->older : newest_) = batch.older;
    (batch.older != nullptr ? batch.older->newer : oldest_) = batch.newer;
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

void StackCache::give_back_coldest(std::size_t given) noexcept {
    Stack* last_kept = head_;
    for (std::size_t i = 1; i < count_ - given; ++i) {
        last_kept = last_kept->next;
    }
    pool_.give_batch({std::exchange(last_kept->next, nullptr), given});
    count_ -= given;
    lowest_ -= std::min(lowest_, given);
}

Nanos StackCache::tidy(Nanos now) noexcept {
    if (now >= look_at_) {
        if (lowest_ > kKept) {
            give_back_coldest(lowest_ - kKept);
        }
        lowest_ = count_;
        look_at_ = now + StackPool::kUnused;
    }
    Nanos next = pool_.trim_at();
    if (next <= now) {
        next = pool_.trim(now);
    }
    if (count_ > kKept) {
        next = std::min(next, look_at_);
    }
    return next == kNever ? kNever : std::max<Nanos>(next - now, 0);
}

}  // namespace weft::rt
