#include "sched/virtual_clock.hpp"

#include <algorithm>

namespace weft::rt {
VirtualClock::VirtualClock(int count, Loops& loops)
    : loops_(loops), now_(kVirtualStart), sleeping_(static_cast<std::size_t>(count), kNever) {}

/// The loop whose deadline is next, when all sleep and there is one.
std::optional<int> VirtualClock::next_to_wake() noexcept {
    std::optional<int> earliest;
    for (int index = 0; index < static_cast<int>(sleeping_.size()); ++index) {
        const auto& until = sleeping_[static_cast<std::size_t>(index)];
        if (!until || !loops_.no_wake_up_is_due(index)) {
            return std::nullopt;
        }
        if (*until != kNever &&
            (!earliest || *until < *sleeping_[static_cast<std::size_t>(*earliest)])) {
            earliest = index;
        }
    }
    return earliest;
}

bool VirtualClock::begin_sleep(int index, Nanos deadline) noexcept {
    const std::lock_guard lock(mutex_);
    auto& mine = sleeping_[static_cast<std::size_t>(index)];
    mine = deadline;
    const std::optional<int> next = next_to_wake();
    if (!next) {
        return false;
    }
    auto& its = sleeping_[static_cast<std::size_t>(*next)];
    now_.store(std::max(now_.load(relaxed), *its), release);
    its.reset();  // awake from here on
    if (*next == index) {
        return true;
    }
    loops_.wake(*next);
    return false;
}

void VirtualClock::end_sleep(int index) noexcept {
    const std::lock_guard lock(mutex_);
    sleeping_[static_cast<std::size_t>(index)].reset();
}

}  // namespace weft::rt
