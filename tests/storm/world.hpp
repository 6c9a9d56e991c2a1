#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <weft/condition.hpp>
#include <weft/lock.hpp>
#include <weft/queue.hpp>
#include <weft/runtime.hpp>
#include <weft/semaphore.hpp>
#include <weft/task.hpp>

#include "storm/board.hpp"
#include "storm/dice.hpp"
#include "storm/helpers.hpp"
#include "storm/ledger.hpp"
#include "storm/parcel.hpp"

namespace weft::storm {

/// A number that only the lock guards.
struct Guarded {
    Lock lock;
    std::uint64_t value = 0;
    std::atomic<int> inside{0};
    std::atomic<std::uint64_t> sections{0};
};

struct Permits {
    // More than one: one may leak on purpose.
    explicit Permits(int permits) : count(permits), semaphore(permits) {}
    int count;
    BoundedSemaphore semaphore;
    std::atomic<int> out{0};
};

/// Tokens that a condition announces; its lock guards them.
struct Tokens {
    Condition condition;
    std::int64_t there = 0;
    std::uint64_t made = 0;
    std::uint64_t taken = 0;
};

/// What the actors of one runtime share, and the ledger of it all. It outlives the runtime.
class World {
public:
    /// `harsh`: the runtime ends in the middle of it all.
    World(Board& of, std::size_t most, bool is_harsh)
        : board(of), harsh(is_harsh), tasks(most), items(most), parcels(most) {}

    /// Makes a task that the ledger knows: pinned to some loop, or one that may move.
    template <class F>
    auto launch(Dice& dice, bool in_task, F function) {
        auto body = booked(std::move(function));
        if (dice.one_in(2)) {
            return runtime->loop(dice.between(0, width - 1)).create_task(std::move(body));
        }
        return in_task && dice.one_in(2) ? weft::spawn(std::move(body))
                                         : runtime->spawn(std::move(body));
    }

    /// The function, with a row of the ledger.
    template <class F>
    [[nodiscard]] auto booked(F function) {
        board.totals.tasks.fetch_add(1, std::memory_order_relaxed);
        return [ticket = TaskLedger::Ticket(tasks), function = std::move(function)]() mutable {
            const TaskLedger::Ticket::Run run(ticket);
            return function();
        };
    }

    [[nodiscard]] Loop& any_loop(Dice& dice) { return runtime->loop(dice.between(0, width - 1)); }

    /// Somebody has got something done.
    void progress() noexcept { board.progress.fetch_add(1, std::memory_order_relaxed); }

    /// Counts what is left in the queues, and finds what does not add up. After the runtime's end.
    void settle();

    Board& board;
    const bool harsh;
    std::atomic<bool> ending{false};  ///< harsh: whoever is cancelled now gives up
    Runtime* runtime = nullptr;
    int width = 0;
    Helpers* helpers = nullptr;

    TaskLedger tasks;
    ItemLedger items;
    ItemLedger parcels;
    std::atomic<std::int64_t> parcels_alive{0};
    std::array<Queue<std::size_t>, 3> item_queues{
        Queue<std::size_t>(1), Queue<std::size_t>(4), Queue<std::size_t>()};
    std::array<Queue<Parcel>, 3> parcel_queues{Queue<Parcel>(1), Queue<Parcel>(4), Queue<Parcel>()};
    std::array<Guarded, 2> guarded;
    std::array<Permits, 2> permits{Permits(2), Permits(5)};
    Tokens tokens;
};

}  // namespace weft::storm
