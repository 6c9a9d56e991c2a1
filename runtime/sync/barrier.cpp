#include <mutex>
#include <string>
#include <weft/barrier.hpp>
#include <weft/errors.hpp>

namespace weft {

Barrier::Barrier(std::ptrdiff_t parties) : parties_(static_cast<std::size_t>(parties)) {
    if (parties < 1) {
        throw ValueError("a Barrier is for 1 party or more, not for " + std::to_string(parties));
    }
}

template <class Predicate>
void Barrier::wait_until(Predicate predicate) {
    while (!predicate()) {
        changed_.wait_as("Barrier.wait", this);
    }
}

std::size_t Barrier::wait() {
    const std::unique_lock lock(changed_);
    wait_until([this] {
        const State state = state_.load(std::memory_order_relaxed);
        return state != State::Draining && state != State::Resetting;
    });
    if (broken()) {
        throw BrokenBarrierError("the barrier was aborted");
    }
    const std::size_t index = count_.load(std::memory_order_relaxed);
    count_.store(index + 1, std::memory_order_relaxed);
    try {
        if (index + 1 == parties_) {
            enter(State::Draining);
        } else {
            wait_for_release();
        }
    } catch (...) {
        go_away();
        throw;
    }
    go_away();
    return index;
}

void Barrier::wait_for_release() {
    wait_until([this] { return state_.load(std::memory_order_relaxed) != State::Filling; });
    if (state_.load(std::memory_order_relaxed) != State::Draining) {
        throw BrokenBarrierError("the barrier was aborted or reset");
    }
}

/// The last one to go opens the barrier for the next round.
void Barrier::go_away() {
    const std::size_t left = count_.load(std::memory_order_relaxed) - 1;
    count_.store(left, std::memory_order_relaxed);
    if (left == 0) {
        enter(broken() ? State::Broken : State::Filling);
    }
}

void Barrier::reset() {
    const std::unique_lock lock(changed_);
    enter(count_.load(std::memory_order_relaxed) > 0 ? State::Resetting : State::Filling);
}

void Barrier::abort() {
    const std::unique_lock lock(changed_);
    enter(State::Broken);
}

void Barrier::enter(State state) {
    state_.store(state, std::memory_order_relaxed);
    changed_.notify_all();
}

}  // namespace weft
