#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/clock.hpp"

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
    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

    /// The next deadline; kNever when there is none.
    [[nodiscard]] Nanos next() const noexcept { return empty() ? kNever : entries_[0].when; }

    /// What pop() would take. Not when empty.
    [[nodiscard]] const Payload& top() const noexcept { return entries_[0].payload; }

    /// Throws std::bad_alloc and leaves the heap as it was.
    void add(Nanos when, Payload payload) {
        entries_.push_back({when, next_sequence_++, std::move(payload)});
        sift_up(entries_.size() - 1);
    }

    /// Takes the payload of the earliest deadline out. Not when empty.
    [[nodiscard]] Payload pop() {
        Payload payload = std::move(entries_[0].payload);
        if (entries_.size() > 1) {
            entries_[0] = std::move(entries_.back());
        }
        entries_.pop_back();
        if (!entries_.empty()) {
            sift_down(0);
        }
        return payload;
    }

    /// Whether any is as `matches(payload)` says.
    template <class Matches>
    [[nodiscard]] bool any(Matches matches) const {
        return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
            return matches(entry.payload);
        });
    }

    /// Drops every entry for which `stale(payload)`; costs one pass.
    template <class Stale>
    void compact(Stale stale) {
        std::size_t kept = 0;
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            if (!stale(entries_[i].payload)) {
                if (kept != i) {
                    entries_[kept] = std::move(entries_[i]);
                }
                ++kept;
            }
        }
        entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(kept), entries_.end());
        for (std::size_t i = kept / kWays + 1; i-- > 0;) {
            if (i < kept) {
                sift_down(i);
            }
        }
    }

private:
    static constexpr std::size_t kWays = 4;

    struct Entry {
        Nanos when;
        std::uint64_t sequence;
        Payload payload;

        [[nodiscard]] bool before(const Entry& other) const noexcept {
            return when != other.when ? when < other.when : sequence < other.sequence;
        }
    };

    void sift_up(std::size_t at) {
        Entry moving = std::move(entries_[at]);
        while (at > 0) {
            const std::size_t parent = (at - 1) / kWays;
            if (!moving.before(entries_[parent])) {
                break;
            }
            entries_[at] = std::move(entries_[parent]);
            at = parent;
        }
        entries_[at] = std::move(moving);
    }

    void sift_down(std::size_t at) {
        Entry moving = std::move(entries_[at]);
        for (;;) {
            const std::size_t first = at * kWays + 1;
            if (first >= entries_.size()) {
                break;
            }
            const std::size_t end = std::min(first + kWays, entries_.size());
            std::size_t least = first;
            for (std::size_t child = first + 1; child < end; ++child) {
                if (entries_[child].before(entries_[least])) {
                    least = child;
                }
            }
            if (!entries_[least].before(moving)) {
                break;
            }
            entries_[at] = std::move(entries_[least]);
            at = least;
        }
        entries_[at] = std::move(moving);
    }

    std::vector<Entry> entries_;
    std::uint64_t next_sequence_ = 0;
};

}  // namespace weft::rt
