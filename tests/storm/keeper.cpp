#include "storm/keeper.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

namespace weft::storm {

using std::chrono::milliseconds;

int Keeper::keep() {
    if (options_.refuse_ptrace) {
        Freezer::refuse_from_now_on();
    }
    probe();
    while (!ended()) {
        if (const auto why = hang()) {
            std::fprintf(stderr, "storm: hang: %s\n", why->c_str());
            end_hung_child();
            return fail(*why);
        }
        rest(milliseconds(dice_.between(1, 30)));
        if (freezing_ && board_.storming) {
            freeze_one();
        }
    }
    return judge();
}

/// Finds out whether threads can be frozen here, and says so when not.
void Keeper::probe() {
    if (!options_.freeze) {
        std::printf("storm: freezes are off: as asked for\n");
    } else if (freezer_.stop(child_) == Freezer::Result::Refused) {
        std::printf("storm: freezes are off: the system refuses ptrace\n");
    } else {
        freezer_.let_go();
        freezing_ = true;
    }
    std::fflush(stdout);
}

/// Most are short: long ones leave little time for others.
void Keeper::freeze_one() {
    const std::vector<pid_t> threads = threads_of(child_);
    if (threads.empty()) {
        return;
    }
    const int kind = dice_.between(1, 100);
    const milliseconds length(
        kind <= 80   ? dice_.between(1, 10)
        : kind <= 95 ? dice_.between(10, 80)
                     : dice_.between(80, 500)
    );
    const auto at =
        static_cast<std::size_t>(dice_.between(0, static_cast<int>(threads.size()) - 1));
    if (freezer_.stop(threads[at]) == Freezer::Result::Frozen) {
        std::this_thread::sleep_for(length);
        freezer_.let_go();
        board_.freezes.fetch_add(1);
        board_.frozen_ms.fetch_add(static_cast<std::uint64_t>(length.count()));
    }
}

/// Counts the pause as the child's time, but not what somebody took from this process meanwhile.
void Keeper::rest(milliseconds pause) {
    std::this_thread::sleep_for(pause);
    still_ += pause;
    round_for_ += pause;
}

bool Keeper::ended() {
    if (freezer_.saw_exit()) {
        status_ = freezer_.exit_status();
    } else if (int status = 0; ::waitpid(child_, &status, WNOHANG) == child_) {
        status_ = status;
    }
    return status_.has_value();
}

std::optional<std::string> Keeper::hang() {
    constexpr int kRoundIsLong = 15;
    if (const std::uint64_t progress = board_.progress; progress != progress_) {
        progress_ = progress;
        still_ = milliseconds(0);
    }
    if (const std::uint64_t round = board_.round; round != round_) {
        round_ = round;
        round_for_ = milliseconds(0);
    }
    const auto seconds = [](milliseconds time) {
        return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count());
    };
    if (still_ > options_.hang_after) {
        return "no progress for " + seconds(still_) + " seconds";
    }
    if (round_for_ > kRoundIsLong * options_.hang_after) {
        return "there is progress, but a round has not ended in " + seconds(round_for_) +
               " seconds";
    }
    return std::nullopt;
}

/// With what its tasks wait for, and where its threads are.
void Keeper::end_hung_child() {
    constexpr int kPatienceMs = 10'000;
    pollfd answered{.fd = answer_, .events = POLLIN, .revents = 0};
    if (::write(ask_, "?", 1) != 1 || ::poll(&answered, 1, kPatienceMs) != 1) {
        std::fprintf(stderr, "storm: the child cannot say what its tasks wait for\n");
    }
    for (const pid_t thread : threads_of(child_)) {
        const std::string folder =
            "/proc/" + std::to_string(child_) + "/task/" + std::to_string(thread);
        std::string stat;
        std::string place;
        std::getline(std::ifstream(folder + "/stat"), stat);
        std::getline(std::ifstream(folder + "/wchan"), place);
        const std::size_t name_end = std::min(stat.rfind(')') + 3, stat.size());
        std::fprintf(stderr, "  thread %s  %s\n", stat.substr(0, name_end).c_str(), place.c_str());
    }
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
}

int Keeper::judge() const {
    if (WIFSIGNALED(*status_)) {
        const int signal = WTERMSIG(*status_);
        return fail(
            "the child was ended by signal " + std::to_string(signal) + ", " + strsignal(signal)
        );
    }
    if (WEXITSTATUS(*status_) != EXIT_SUCCESS) {
        return fail("the child has found something, or a tool has");
    }
    print_totals();
    if (freezing_ && board_.freezes < options_.least_freezes) {
        return fail("there were fewer than " + std::to_string(options_.least_freezes) + " freezes");
    }
    return EXIT_SUCCESS;
}

void Keeper::print_totals() const {
    const Totals& totals = board_.totals;
    const std::chrono::duration<double> time = Clock::now() - begun_;
    const auto line = [](const char* name, std::uint64_t count) {
        std::printf("  %-12s %" PRIu64 "\n", name, count);
    };
    std::printf("storm: nothing lost, nothing left\n");
    line("rounds", board_.round);
    line("runtimes", totals.runtimes);
    line("tasks", totals.tasks);
    line("operations", totals.operations);
    line("switches", totals.switches);
    line("parks", totals.parks);
    line("wake-ups", totals.wakes);
    line("steals", totals.steals);
    line("cancelled", totals.cancelled);
    line("timed out", totals.late);
    line("freezes", board_.freezes);
    line("frozen ms", board_.frozen_ms);
    std::printf("  %-12s %.1f\n", "seconds", time.count());
}

int Keeper::fail(const std::string& why) const {
    std::fflush(stdout);
    std::fprintf(
        stderr,
        "storm: failed in round %" PRIu64 " with seed %" PRIu64
        ": %s\n"
        "storm: to repeat its decisions, though not what the threads made of them: %s\n",
        board_.round.load(),
        board_.seed.load(),
        why.c_str(),
        options_.repeat(board_.seed).c_str()
    );
    return EXIT_FAILURE;
}

}  // namespace weft::storm
