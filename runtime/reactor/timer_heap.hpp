#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/clock.hpp"
#include "base/growing_array.hpp"

namespace weft::rt {

/// Deadlines of one loop: a 4-ary heap with its keys inline, first come first served among equals.
///
/// A deadline that is no longer wanted stays until it comes or until compact() finds more than half
/// of them stale: most timeouts are cancelled, and this way that costs nothing.
///
/// Threads  one at a time.
template <class Payload>
class TimerHeap {
public:
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// The next deadline; kNever when there is none.
    [[nodiscard]] Nanos next() const noexcept { return empty() ? kNever : at(0).when; }

    /// What pop() would take. Not when empty.
    [[nodiscard]] const Payload& top() const noexcept { return at(0).payload; }

    /// Throws std::bad_alloc and leaves the heap as it was.
    void add(Nanos when, Payload payload) {
        entries_.reserve(kRootPlace + size_ + 1);
        sift_up(size_++, {when, next_sequence_++, payload});
    }

    /// Takes the payload of the earliest deadline out. Not when empty.
    [[nodiscard]] Payload pop() noexcept {
        const Payload payload = at(0).payload;
        if (--size_ > 0) {
            sift_down(0, at(size_));
        }
        return payload;
    }

    /// Takes one out that costs nothing to take: for who wants all, in whatever order. Not when empty.
    /// `foresee` is shown one that comes a little later, to bring what it leads to into the cache.
    template <class Foresee>
    [[nodiscard]] Payload pop_any(Foresee foresee) noexcept {
        --size_;
        if (size_ >= kForesight) {
            foresee(at(size_ - kForesight).payload);
        }
        return at(size_).payload;
    }

    /// Whether any is as `matches(payload)` says.
    template <class Matches>
    [[nodiscard]] bool any(Matches matches) const {
        for (std::size_t i = 0; i < size_; ++i) {
            if (matches(at(i).payload)) {
                return true;
            }
        }
        return false;
    }

    /// Drops every entry for which `stale(payload)`; costs one pass. What an entry leads to is a miss of all
    /// caches where there are many: `foresee` is shown each a little earlier.
    template <class Stale, class Foresee>
    void compact(Stale stale, Foresee foresee) {
        std::size_t kept = 0;
        for (std::size_t i = 0; i < size_; ++i) {
            if (i + kForesight < size_) {
                foresee(at(i + kForesight).payload);
            }
            if (!stale(at(i).payload)) {
                at(kept++) = at(i);
            }
        }
        size_ = kept;
        for (std::size_t i = kept / kWays + 1; i-- > 0;) {
            if (i < kept) {
                sift_down(i, at(i));
            }
        }
        entries_.shrink(kRootPlace + size_);
    }

private:
    static constexpr std::size_t kWays = 4;
    static constexpr std::size_t kForesight = 16;
    // So that brothers, which are compared with one another, share two cache lines.
    static constexpr std::size_t kRootPlace = kWays - 1;

    struct Entry {
        Nanos when;
        std::uint64_t sequence;
        Payload payload;

        [[nodiscard]] bool before(const Entry& other) const noexcept {
            return when != other.when ? when < other.when : sequence < other.sequence;
        }
    };

    [[nodiscard]] Entry& at(std::size_t index) noexcept { return entries_[kRootPlace + index]; }
    [[nodiscard]] const Entry& at(std::size_t index) const noexcept {
        return entries_[kRootPlace + index];
    }

    /// Puts `moving` where it belongs, above the empty place or there.
    void sift_up(std::size_t place, const Entry& moving) noexcept {
        while (place > 0) {
            const std::size_t parent = (place - 1) / kWays;
            if (!moving.before(at(parent))) {
                break;
            }
            at(place) = at(parent);
            place = parent;
        }
        at(place) = moving;
    }

    /// The same, below it.
    void sift_down(std::size_t place, const Entry& entry) noexcept {
        const Entry moving = entry;
        for (;;) {
            const std::size_t first = place * kWays + 1;
            if (first >= size_) {
                break;
            }
            const Entry* const children = &at(first);  // side by side
            const std::size_t count = std::min(kWays, size_ - first);
            std::size_t least = 0;
            for (std::size_t child = 1; child < count; ++child) {
                if (children[child].before(children[least])) {
                    least = child;
                }
            }
            if (!children[least].before(moving)) {
                break;
            }
            at(place) = children[least];
            place = first + least;
        }
        at(place) = moving;
    }

    GrowingArray<Entry> entries_;  // the root stands at kRootPlace
    std::size_t size_ = 0;
    std::uint64_t next_sequence_ = 0;
};

}  // namespace weft::rt
