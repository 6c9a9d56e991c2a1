#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>
#include <weft/loop.hpp>
#include <weft/queue.hpp>
#include <weft/runtime.hpp>
#include <weft/task.hpp>

#include "storm/dice.hpp"
#include "storm/findings.hpp"
#include "storm/helpers.hpp"
#include "storm/plant.hpp"
#include "storm/round.hpp"
#include "storm/slow.hpp"
#include "storm/tally.hpp"

namespace weft::storm {
namespace {

/// Loops that pass one token. All but its holder sleep, so that one wake-up lost is the end: no
/// other work comes to cover it up.
class Ring {
public:
    Ring(Board& board, Dice dice, std::uint64_t passes)
        : board_(board),
          passes_(passes),
          runtime_({
              .workers = dice.between(2, 4),
              .pin = Pin::None,
              .handle_sigint = false,
              .hop = dice.one_in(4),
          }),
          dice_(dice) {
        for (int i = 0; i < runtime_.workers(); ++i) {
            gates_.push_back(std::make_unique<Queue<std::uint64_t>>());
        }
    }

    void run() {
        runtime_.start();
        std::vector<Task<void>> stations;
        for (int i = 0; i < runtime_.workers(); ++i) {
            board_.totals.tasks.fetch_add(1, std::memory_order_relaxed);
            stations.push_back(runtime_.loop(i).create_task([this, i, dice = dice_.fork()](
                                                            ) mutable { stand(i, dice); }));
        }
        gates_[0]->put_nowait(std::uint64_t{1});
        for (const auto& station : stations) {
            station.wait();
        }
        helpers_.finish();
        runtime_.shutdown();
        tally(board_, runtime_);
        if (received_ != passes_) {
            find(
                "a token was passed " + std::to_string(passes_) + " times and received " +
                std::to_string(received_) + " times"
            );
        }
    }

private:
    static constexpr std::uint64_t kClosed = 0;

    /// Station `here`: takes the token, and passes it to another one.
    void stand(int here, Dice& dice) {
        for (;;) {
            const std::uint64_t token = gates_[static_cast<std::size_t>(here)]->get();
            if (token == kClosed) {
                return;
            }
            if (token != received_.fetch_add(1) + 1) {
                find("a token came out of turn");
            }
            board_.progress.fetch_add(1, std::memory_order_relaxed);
            if (token >= passes_) {
                for (const auto& gate : gates_) {
                    gate->put_nowait(std::uint64_t{kClosed});
                }
            } else if (!planted(Plant::PassLost)) {
                const int width = runtime_.workers();
                linger(dice);
                pass((here + dice.between(1, width - 1)) % width, token + 1, dice);
            }
        }
    }

    /// Meets the next one in every phase of falling asleep.
    static void linger(Dice& dice) {
        const auto until =
            std::chrono::steady_clock::now() + std::chrono::nanoseconds(dice.between(0, 4000));
        if (dice.one_in(2)) {
            while (std::chrono::steady_clock::now() < until) {
            }
        }
    }

    void pass(int there, std::uint64_t token, Dice& dice) {
        Queue<std::uint64_t>& gate = *gates_[static_cast<std::size_t>(there)];
        const auto put = [&gate, token] { gate.put_nowait(token); };
        switch (dice.between(0, 9)) {
            case 0:  // whoever wakes up and takes it from a loop that is busy
                spawn(put);
                linger(dice);
                break;
            case 1:
                runtime_.loop(there).call_soon_threadsafe(put);
                break;
            case 2:
                runtime_.loop(there).create_task(put);
                break;
            case 3:  // from outside of all loops
                helpers_.post([this, put, directly = dice.one_in(2)] {
                    directly ? put() : spawn(put);
                });
                break;
            default:
                put();
        }
    }

    template <class Put>
    void spawn(Put put) {
        board_.totals.tasks.fetch_add(1, std::memory_order_relaxed);
        runtime_.spawn(put);
    }

    Board& board_;
    const std::uint64_t passes_;
    Runtime runtime_;
    Dice dice_;
    std::vector<std::unique_ptr<Queue<std::uint64_t>>> gates_;
    std::atomic<std::uint64_t> received_{0};
    Helpers helpers_{1};
};

}  // namespace

void park_round(Board& board, std::uint64_t seed) {
    Dice dice(seed);
    const auto passes = static_cast<std::uint64_t>(if_slow_less(100'000));
    Ring ring(board, dice.fork(), passes);
    Ring beside(board, dice.fork(), passes);
    std::thread thread([&] { beside.run(); });
    ring.run();
    thread.join();
}

}  // namespace weft::storm
