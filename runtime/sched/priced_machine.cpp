#include "sched/priced_machine.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.hpp"

namespace weft::rt {
namespace {

// What a price of line_remote is for.
constexpr double kPricedDistance = 20;

Picos picos(double nanos) {
    return std::llround(nanos * static_cast<double>(PricedMachine::kPicosPerNano));
}

Picos price_of_line(const detail::MachinePrices& prices, const VictimGroup& group) {
    switch (group.level) {
        case VictimGroup::Sibling:
            return picos(prices.line_sibling);
        case VictimGroup::SameL3:
            return picos(prices.line_l3);
        case VictimGroup::SameNode:
            return picos(prices.line_node);
        case VictimGroup::Remote:
            break;
    }
    return picos(prices.line_remote * static_cast<double>(group.distance) / kPricedDistance);
}

}  // namespace

PricedMachine::PricedMachine(Topology topology, int workers, const detail::MachinePrices& prices)
    : topology_(std::move(topology)),
      workers_(workers),
      prices_(prices),
      spawn_(picos(workers > 1 ? prices.spawn_shared : prices.spawn)),
      run_(picos(workers > 1 ? prices.run_shared : prices.run)),
      change_(picos(workers > 1 ? prices.change_shared : prices.change)),
      steal_(picos(prices.steal)),
      wake_(picos(prices.wake)),
      wake_latency_(picos(prices.wake_latency)),
      poll_(picos(prices.poll)),
      mail_(picos(prices.mail)),
      line_own_(picos(prices.line_own)),
      taken_(static_cast<std::size_t>(workers)),
      takes_(static_cast<std::size_t>(workers)),
      threads_(1),
      tree_{kAway, kAway} {}

void PricedMachine::place(const std::vector<std::vector<VictimGroup>>& victims) {
    WEFT_CHECK(line_.empty(), "a machine that is made up has one runtime");
    const auto width = static_cast<std::size_t>(workers_);
    line_.resize(width * width);
    seen_.resize(width * width);
    for (int thief = 0; thief < workers_; ++thief) {
        holder_.push_back(thief);
        for (const VictimGroup& group : victims[static_cast<std::size_t>(thief)]) {
            for (const int victim : group.workers) {
                line_[between(thief, victim)] = price_of_line(prices_, group);
            }
        }
    }
}

// ---- threads

void PricedMachine::set(std::size_t thread, Picos when) noexcept {
    std::size_t node = leaves_ + thread;
    tree_[node] = when;
    for (node /= 2; node > 0; node /= 2) {
        tree_[node] = std::min(tree_[2 * node], tree_[2 * node + 1]);
    }
}

void PricedMachine::add_thread() {
    const std::size_t thread = threads_.size();
    threads_.emplace_back();
    if (thread == leaves_) {
        std::vector<Picos> tree(4 * leaves_, kAway);
        const auto leaves = static_cast<std::ptrdiff_t>(leaves_);
        std::copy(tree_.begin() + leaves, tree_.end(), tree.begin() + 2 * leaves);
        leaves_ *= 2;
        tree_ = std::move(tree);
        set(0, tree_[leaves_]);
        for (std::size_t other = 1; other < thread; ++other) {
            set(other, tree_[leaves_ + other]);
        }
    }
    set(thread, clock_);
}

void PricedMachine::leave_asleep(Nanos until) noexcept {
    threads_[running_].asleep_since = clock_;
    set(running_,
        until == kNever ? kAway : std::max(clock_, (until - kVirtualStart) * kPicosPerNano));
}

std::size_t PricedMachine::first() const noexcept {
    if (tree_[1] == kAway) {
        return kNobody;
    }
    std::size_t node = 1;
    while (node < leaves_) {
        node *= 2;
        node += tree_[node] == tree_[node / 2] ? 0U : 1U;
    }
    return node - leaves_;
}

void PricedMachine::go_on_with(std::size_t thread) noexcept {
    running_ = thread;
    clock_ = tree_[leaves_ + thread];
    set(thread, kAway);
    Thread& self = threads_[thread];
    if (self.asleep_since != kAway) {
        self.spent[kAsleep] += clock_ - std::exchange(self.asleep_since, kAway);
    }
}

void PricedMachine::wake(std::size_t thread) noexcept {
    const Picos since = threads_[thread].asleep_since;
    set(thread, std::min(tree_[leaves_ + thread], std::max(clock_, since) + wake_latency_));
}

// ---- prices

void PricedMachine::settle(const WorkerCounters& counters) noexcept {
    Thread& self = threads_[running_];
    const std::uint64_t finished = counters.tasks_finished.get();
    // Those that stand on one another's stacks have begun and not ended, as if they had changed. They are few
    // and come back, so only more than ever before counts.
    const std::uint64_t run = counters.tasks_run.get();
    const std::uint64_t changes = run > finished ? run - finished : 0;
    const auto since = [](std::uint64_t now, std::uint64_t& before) {
        const std::uint64_t was = std::exchange(before, std::max(now, before));
        return static_cast<Picos>(before - was);
    };
    const Picos ended = since(finished, self.finished);
    Picos due = since(counters.tasks_spawned.get(), self.spawned) * spawn_ + ended * run_ +
                since(changes, self.changes) * change_ +
                since(counters.callbacks_run.get(), self.callbacks) * run_ +
                since(counters.mail_received.get(), self.mail) * mail_;
    const Picos foreign = std::min(ended, static_cast<Picos>(self.foreign));
    self.foreign -= static_cast<std::uint64_t>(foreign);
    due += foreign * kLinesOfTask * self.foreign_line;
    spend(kTasks, due);
}

void PricedMachine::look(int thief, int victim, std::uint32_t stamp, bool writes) noexcept {
    const auto at = static_cast<std::size_t>(victim);
    std::uint32_t& seen = seen_[between(thief, victim)];
    const bool is_known = seen == stamp + taken_[at] && holder_[at] != victim;
    spend(kSearch, is_known && !writes ? line_own_ : line_[between(thief, victim)]);
    taken_[at] += writes ? 1 : 0;
    seen = stamp + taken_[at];
    holder_[at] = thief;
}

void PricedMachine::steal(int thief, int victim, std::uint32_t tasks) noexcept {
    const auto at = static_cast<std::size_t>(victim);
    ++takes_[static_cast<std::size_t>(thief)];
    ++taken_[at];
    holder_[at] = thief;
    const Picos line = line_[between(thief, victim)];
    spend(kSearch, steal_ + kLinesOfRing * line);
    Thread& self = threads_[running_];
    self.foreign += tasks;
    self.foreign_line = line;
}

void PricedMachine::write_own_line(int worker) noexcept {
    int& holder = holder_[static_cast<std::size_t>(worker)];
    if (holder != worker) {
        spend(kTasks, line_[between(worker, holder)]);
        holder = worker;
    }
}

PricedMachine::Spent PricedMachine::spent(std::size_t thread) const noexcept {
    Spent spent = threads_[thread].spent;
    if (const Picos since = threads_[thread].asleep_since; since != kAway) {
        spent[kAsleep] += std::max<Picos>(clock_ - since, 0);
    }
    return spent;
}

}  // namespace weft::rt
