// The storm: see --help, and keeper.hpp for who looks on.

#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <weft/run.hpp>
#include <weft/runtime.hpp>

#include "storm/board.hpp"
#include "storm/census.hpp"
#include "storm/findings.hpp"
#include "storm/keeper.hpp"
#include "storm/options.hpp"
#include "storm/round.hpp"

namespace weft::storm {
namespace {

using Clock = std::chrono::steady_clock;

/// By which the keeper asks the child what its tasks wait for.
struct Wire {
    int ask[2];
    int answer[2];

    Wire() {
        if (::pipe(ask) != 0 || ::pipe(answer) != 0) {
            throw std::system_error(errno, std::generic_category(), "pipe");
        }
    }
};

void answer(const Wire& wire) {
    char question = 0;
    while (::read(wire.ask[0], &question, 1) == 1) {
        std::fprintf(stderr, "%s", dump_all_tasks().c_str());
        std::fflush(stderr);
        static_cast<void>(::write(wire.answer[1], "!", 1));
    }
}

bool enough(const Options& options, const Board& board, Clock::time_point begun) {
    if (options.rounds > 0) {
        return board.round >= options.rounds;
    }
    const std::chrono::duration<double, std::ratio<60>> minutes = Clock::now() - begun;
    return minutes.count() >= options.minutes && board.totals.switches >= options.switches &&
           board.totals.wakes >= options.park_cycles;
}

int work(Board& board, const Wire& wire, const Options& options) {
    choose_plant(options.plant);
    find_what_is_logged();
    std::thread([&wire] { answer(wire); }).detach();  // it waits for ever
    weft::run([] {});                                 // what stays, once there, is there now
    const auto begun = Clock::now();
    const Census before = Census::now();
    while (findings() == 0 && !enough(options, board, begun)) {
        board.seed = options.seed + board.round;
        board.round.fetch_add(1);
        board.storming = true;
        if (options.park_cycles > 0) {
            park_round(board, board.seed);
        } else {
            storm_round(board, board.seed);
        }
        board.storming = false;
        find_leaks(before);
        board.progress.fetch_add(1);
    }
    return findings() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int run(const Options& options) {
    if (options.check_freezes) {
        return check_freezes(options.refuse_ptrace);
    }
    void* const memory =
        ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        throw std::system_error(errno, std::generic_category(), "mmap");
    }
    auto& board = *new (memory) Board;
    const Wire wire;
    std::printf("storm: seed %" PRIu64 "\n", options.seed);
    std::fflush(stdout);
    const pid_t child = ::fork();  // before there are threads
    if (child < 0) {
        throw std::system_error(errno, std::generic_category(), "fork");
    }
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::close(wire.ask[1]);
        return work(board, wire, options);
    }
    return Keeper(board, child, wire.ask[1], wire.answer[0], options).keep();
}

}  // namespace
}  // namespace weft::storm

int main(int argc, char** argv) {
    try {
        return weft::storm::run(weft::storm::options_of(argc, argv));
    } catch (const std::invalid_argument& error) {
        std::fprintf(stderr, "storm: %s; see --help\n", error.what());
        return 2;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "storm: %s\n", error.what());
        return EXIT_FAILURE;
    }
}
