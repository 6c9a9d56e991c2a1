#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>
#include <weft/detail/machine_prices.hpp>

#include "base/clock.hpp"
#include "base/probe.hpp"
#include "sched/topology.hpp"
#include "sched/victims.hpp"

namespace weft::rt {

/// Picoseconds: a task costs few nanoseconds, and a thousand of them are to cost a thousand times that.
using Picos = std::int64_t;

/// The time of a simulation in which operations have prices, on a machine that is made up.
///
/// Each virtual thread has a clock of its own, and what it does moves that on. Who is behind goes first,
/// so what they do to one another comes in the order of time. A thread that runs may be ahead of others
/// until its next point.
///
/// Most prices are charged by what a worker has counted since its last point, so that the paths of tasks
/// need not know of this.
///
/// Threads   one.
class PricedMachine {
public:
    PricedMachine(Topology topology, int workers, const detail::MachinePrices& prices);

    [[nodiscard]] const Topology& topology() const noexcept { return topology_; }
    [[nodiscard]] int workers() const noexcept { return workers_; }
    /// Where the workers are, as their order of stealing has it. Once.
    void place(const std::vector<std::vector<VictimGroup>>& victims);

    // ---- virtual threads, by number; one runs

    /// One more, which is ready now.
    void add_thread();
    /// The running one has waited for nothing: it goes on when it is its turn.
    void leave_ready() noexcept { set(running_, clock_); }
    /// It sleeps until wake(), or that time.
    void leave_asleep(Nanos until) noexcept;
    void leave_for_good() noexcept { set(running_, kAway); }
    static constexpr std::size_t kNobody = ~std::size_t{0};
    /// Who is to go on; kNobody when all sleep, and nothing is due.
    [[nodiscard]] std::size_t first() const noexcept;
    void go_on_with(std::size_t thread) noexcept;
    /// Ends a sleep: it goes on some time from now.
    void wake(std::size_t thread) noexcept;
    /// Whether somebody else is to go first.
    [[nodiscard]] bool is_ahead() const noexcept { return clock_ > tree_[1]; }

    [[nodiscard]] Nanos now() const noexcept { return kVirtualStart + clock_ / kPicosPerNano; }
    [[nodiscard]] std::uint64_t ticks() const noexcept {
        return static_cast<std::uint64_t>(clock_ / kPicosPerNano);
    }
    static constexpr std::uint64_t kTicksPerMicrosecond = 1'000;

    // ---- prices, for the running thread

    /// Of what the worker has counted since the last time.
    void settle(const WorkerCounters& counters) noexcept;
    void work(Nanos length) noexcept { spend(kWork, length * kPicosPerNano); }
    void poll() noexcept { spend(kSystem, poll_); }
    /// What a waker pays; from before that the woken one's latency counts.
    void pay_wake() noexcept { spend(kSystem, wake_); }
    /// A moment of a loop that waits for something to change.
    void spin() noexcept { spend(kSearch, kSpin); }
    /// A thief looks at what a victim has to give. `writes`: by an RMW. `stamp` differs when the victim
    /// has written since.
    void look(int thief, int victim, std::uint32_t stamp, bool writes) noexcept;
    void steal(int thief, int victim, std::uint32_t tasks) noexcept;
    /// A worker writes what thieves look at.
    void write_own_line(int worker) noexcept;

    // ---- what came of it

    enum Kind : std::size_t {
        kWork,    ///< the program's own
        kTasks,   ///< to make, run and change tasks
        kSearch,  ///< to look for some, and to take them
        kSystem,  ///< calls of the system
        kAsleep,
    };
    static constexpr std::size_t kKinds = 5;
    using Spent = std::array<Picos, kKinds>;
    /// Of the virtual thread that drives a worker, up to its own clock, or up to now where it sleeps.
    [[nodiscard]] Spent spent(std::size_t thread) const noexcept;
    /// How often `worker` has taken something, however many tasks.
    [[nodiscard]] std::uint64_t takes(int worker) const noexcept {
        return takes_[static_cast<std::size_t>(worker)];
    }
    static constexpr Picos kPicosPerNano = 1'000;

private:
    static constexpr Picos kAway = INT64_MAX;
    static constexpr Picos kSpin = 100'000;
    /// Lines of the ring that a thief reads and writes, and of each task and its result that go over.
    static constexpr Picos kLinesOfRing = 2;
    static constexpr Picos kLinesOfTask = 3;

    struct Thread {
        Picos asleep_since = kAway;
        Spent spent{};
        // what its worker had counted
        std::uint64_t spawned = 0;
        std::uint64_t finished = 0;
        std::uint64_t changes = 0;
        std::uint64_t callbacks = 0;
        std::uint64_t mail = 0;
        // stolen tasks, which it has not run yet, and what a line of them costs
        std::uint64_t foreign = 0;
        Picos foreign_line = 0;
    };

    void set(std::size_t thread, Picos when) noexcept;
    void spend(Kind kind, Picos length) noexcept {
        clock_ += length;
        threads_[running_].spent[kind] += length;
    }
    [[nodiscard]] std::size_t between(int one, int other) const noexcept {
        return static_cast<std::size_t>(one) * static_cast<std::size_t>(workers_) +
               static_cast<std::size_t>(other);
    }

    const Topology topology_;
    const int workers_;
    const detail::MachinePrices prices_;
    const Picos spawn_;
    const Picos run_;
    const Picos change_;
    const Picos steal_;
    const Picos wake_;
    const Picos wake_latency_;
    const Picos poll_;
    const Picos mail_;
    const Picos line_own_;

    std::vector<Picos> line_;           // by worker and worker
    std::vector<std::uint32_t> seen_;   // the same: what the first saw of the second
    std::vector<std::uint32_t> taken_;  // by worker: how often its line was written by others
    std::vector<int> holder_;           // who has looked at it last; the worker itself if nobody
    std::vector<std::uint64_t> takes_;

    std::vector<Thread> threads_;
    std::size_t running_ = 0;
    Picos clock_ = 0;  // of the running one
    // When each goes on, as the leaves of a tree in which a node has the least of its two below. The root is
    // 1, and the running thread is away.
    std::size_t leaves_ = 1;
    std::vector<Picos> tree_;
};

}  // namespace weft::rt
