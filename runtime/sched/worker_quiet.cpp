#include <algorithm>
#include <utility>

#include "sched/scheduler.hpp"
#include "sched/worker.hpp"

// A loop that has had nothing to run for a while asks why, before it goes on sleeping: all tasks may be waiting
// for one another. Who answers is Scheduler::set_on_quiet's.

namespace weft::rt {
namespace {

// What keeps a quiet loop from being stuck for good may end without a word: how long it waits at most before
// it asks again.
constexpr Nanos kLongestBetweenQuestions = 60'000'000'000;

}  // namespace

void Worker::note_quiet() noexcept {
    if (std::exchange(runs_before_quiet_, runs()) != runs()) {
        quiet_since_ = ticks_now();
        ask_when_quiet_for_ = kQuiet;
    }
}

Nanos Worker::quiet_for() const noexcept {
    constexpr std::uint64_t kNanosPerMicrosecond = 1'000;
    const std::uint64_t now = ticks_now();
    const std::uint64_t since = quiet_since_;
    // The counters of two processors may differ by a little.
    return now <= since
               ? 0
               : static_cast<Nanos>((now - since) / ticks_per_microsecond_ * kNanosPerMicrosecond);
}

/// Lets it be known when it has run nothing for a while: somebody may ask himself why.
int Worker::wait_in_reactor(Nanos longest) noexcept {
    if (once_ || !scheduler_.asks_why_quiet()) {
        return reactor_->wait(longest);
    }
    note_quiet();
    if (ask_when_quiet_for_ == kNever) {
        return reactor_->wait(longest);
    }
    if (const Nanos rest = ask_when_quiet_for_ - quiet_for(); rest > 0) {
        if (longest < rest + kQuiet) {
            return reactor_->wait(longest);  // it comes by here again then
        }
        const int events = reactor_->wait(rest);
        if (events != 0 || !mailbox_.looks_asleep() || quiet_for() < ask_when_quiet_for_) {
            return events;
        }
    }
    const Nanos asked = std::exchange(ask_when_quiet_for_, kNever);
    longest = kNever;
    if (scheduler_.tell_quiet()) {
        ask_when_quiet_for_ = asked + std::min(asked, kLongestBetweenQuestions);
        longest = ask_when_quiet_for_ - asked;
    }
    if (has_ready() || has_stacks_to_tidy()) {
        return 0;  // what was looked at may have ended there; or there is something to do in a while
    }
    // It took time, and may have armed a deadline.
    if (!timers_.none() && scheduler_.virtual_clock() == nullptr) {
        longest = std::min(longest, std::max<Nanos>(timers_.next() - clock_.now(), 0));
    }
    return reactor_->wait(longest);
}

bool Worker::has_live_deadline() noexcept {
    return timers_.any([](const Deadline& deadline) {
        return deadline.target->kind == Runnable::Kind::Task
                   ? static_cast<TaskState*>(deadline.target)->sleep.epoch() == deadline.epoch
                   : !static_cast<Callback*>(deadline.target)->cancelled();
    });
}

std::optional<std::uint64_t> Worker::run_before_quiet() noexcept {
    constexpr Nanos kTolerance = 1'000'000;  // of the clocks of two processors
    // Before the look: then it cannot be of something that runs after it, and may be compared.
    const std::uint64_t before = runs();
    if (!sleeps_for_sure() || !sleeps_undisturbed() ||
        (driven() && quiet_for() < kQuiet - kTolerance) || runs() != before) {
        return std::nullopt;
    }
    return before;
}

}  // namespace weft::rt
