#include "storm/round.hpp"

#include <fcntl.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>
#include <weft/sleep.hpp>

#include "storm/actor.hpp"
#include "storm/findings.hpp"
#include "storm/plant.hpp"
#include "storm/slow.hpp"
#include "storm/tally.hpp"

namespace weft::storm {
namespace {

using std::chrono::microseconds;

/// One runtime, from its beginning to its end.
struct Life {
    int workers = 8;
    bool hop = false;
    bool start = false;  ///< every loop on a thread of its own, and the director on a plain one
    bool harsh = false;  ///< ends in the middle of it all
    int actors = 0;
    int threads = 0;  ///< actors that are plain threads
    int steps = 0;    ///< of each
    int turns = 0;    ///< of the director before a harsh end
};

void perform(World& world, Dice dice, bool in_task, int steps) {
    Actor actor(world, dice, in_task);
    for (int step = 0; step < steps && !world.ending; ++step) {
        try {
            act(actor);
        } catch (const CancelledError&) {
            actor.note_cancelled();
        } catch (const std::exception& error) {
            find(std::string("an actor met ") + error.what());
        }
    }
}

/// The actors of a life, and who cancels them.
class Cast {
public:
    Cast(World& world, const Life& life, Dice dice) : world_(world), life_(life), dice_(dice) {}

    void begin(bool in_task) {
        for (int i = 0; i < life_.actors; ++i) {
            tasks_.push_back(world_.launch(
                dice_,
                in_task,
                [&world = world_, steps = life_.steps, dice = dice_.fork()] {
                    perform(world, dice, true, steps);
                }
            ));
        }
        threads_left_ = life_.threads;
        for (int i = 0; i < life_.threads; ++i) {
            threads_.emplace_back([this, dice = dice_.fork()] {
                perform(world_, dice, false, life_.steps);
                threads_left_.fetch_sub(1);
            });
        }
    }

    /// Cancels one now and then until all are done or, harsh, for as many turns as it has.
    template <class Pause>
    void direct(Pause pause) {
        for (int turn = 0; !done() && !(life_.harsh && turn >= life_.turns); ++turn) {
            if (!tasks_.empty() && dice_.one_in(2)) {
                const int most = static_cast<int>(tasks_.size()) - 1;
                tasks_[static_cast<std::size_t>(dice_.between(0, most))].cancel();
            }
            pause(microseconds(dice_.between(20, 500)));
        }
        for (std::thread& thread : threads_) {
            thread.join();
        }
        world_.ending = life_.harsh;
    }

private:
    [[nodiscard]] bool done() const {
        for (const Task<void>& task : tasks_) {
            if (!task.done()) {
                return false;
            }
        }
        return threads_left_ == 0;
    }

    World& world_;
    const Life& life_;
    Dice dice_;
    std::vector<Task<void>> tasks_;
    std::vector<std::thread> threads_;
    std::atomic<int> threads_left_{0};
};

void run_cast(Runtime& runtime, Cast& cast, bool start) {
    if (start) {
        runtime.start();
        cast.begin(false);
        cast.direct([](microseconds pause) { std::this_thread::sleep_for(pause); });
        return;
    }
    runtime.run([&] {
        cast.begin(true);
        cast.direct([](microseconds pause) { weft::sleep(pause); });
    });
}

void live(Board& board, Dice dice, const Life& life) {
    // An operation makes four tasks at most.
    const auto rows = static_cast<std::size_t>(life.actors + life.threads) *
                          static_cast<std::size_t>(life.steps) * 8 +
                      64;
    World world(board, rows, life.harsh);
    Helpers helpers(2);
    world.helpers = &helpers;
    world.width = life.workers;
    {
        Runtime runtime({
            .workers = life.workers,
            .pin = Pin::None,
            .handle_sigint = false,
            .hop = life.hop,
        });
        world.runtime = &runtime;
        Cast cast(world, life, dice);
        run_cast(runtime, cast, life.start);
        runtime.shutdown();
        helpers.finish();
        const std::uint64_t ended = tally(board, runtime);
        const std::uint64_t made = world.tasks.made() + (life.start ? 0 : 1);  // the director's
        if (ended != made) {
            find(
                std::to_string(made) + " tasks were made, the loops count " +
                std::to_string(ended) + " that ended"
            );
        }
    }
    world.settle();
}

/// Runtimes that begin and end beside the long one, in the middle of their work.
void flash(Board& board, Dice dice, int count) {
    for (; count > 0; --count) {
        live(
            board,
            dice.fork(),
            {.workers = dice.between(1, 4),
             .hop = dice.one_in(4),
             .start = dice.one_in(2),
             .harsh = true,
             .actors = dice.between(1, 6),
             .steps = 5,
             .turns = dice.between(0, 4)}
        );
    }
}

void plant_leftovers() {
    if (planted(Plant::DescriptorLeft)) {
        static_cast<void>(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    }
    if (planted(Plant::ThreadLeft)) {
        std::thread([] { std::this_thread::sleep_for(std::chrono::hours(1)); }).detach();
    }
    if (planted(Plant::TaskLeft)) {
        static Runtime* const left = new Runtime({.workers = 1});
        left->spawn([] {}, "forgotten");
    }
    if (planted(Plant::Crash)) {
        std::abort();
    }
}

}  // namespace

void storm_round(Board& board, std::uint64_t seed) {
    Dice dice(seed);
    const Life life{
        .workers = dice.one_in(2) ? 8 : dice.between(1, 8),
        .hop = dice.one_in(4),
        .start = dice.one_in(2),
        .harsh = dice.one_in(4),
        .actors = kSlow ? dice.between(4, 12) : dice.between(8, 64),
        .threads = 0,
        .steps = if_slow_less(dice.between(500, 1500)),
        .turns = dice.between(10, 2000)};
    Life main = life;
    main.threads = life.harsh || !life.start ? 0 : 2;  // a thread cannot be cancelled
    std::thread beside([&board, flashes = dice.fork()] { flash(board, flashes, if_slow_less(20)); }
    );
    live(board, dice.fork(), main);
    beside.join();
    plant_leftovers();
}

}  // namespace weft::storm
