#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>

#include "storm/board.hpp"
#include "storm/dice.hpp"
#include "storm/freezer.hpp"
#include "storm/options.hpp"

namespace weft::storm {

/// The process that looks on: it freezes threads of the child, and sees whether the child gets on.
class Keeper {
public:
    /// `ask`: a byte written to it has the child print what its tasks wait for, and then write one to
    /// `answer`.
    Keeper(Board& board, pid_t child, int ask, int answer, const Options& options)
        : board_(board),
          child_(child),
          ask_(ask),
          answer_(answer),
          options_(options),
          freezer_(child),
          dice_(options.seed) {}

    /// Returns the exit code of the whole, when the child has ended or was made to.
    [[nodiscard]] int keep();

private:
    using Clock = std::chrono::steady_clock;

    void probe();
    void freeze_one();
    void rest(std::chrono::milliseconds pause);
    [[nodiscard]] bool ended();
    [[nodiscard]] std::optional<std::string> hang();
    void end_hung_child();
    [[nodiscard]] int judge() const;
    void print_totals() const;
    [[nodiscard]] int fail(const std::string& why) const;

    Board& board_;
    const pid_t child_;
    const int ask_;
    const int answer_;
    const Options& options_;
    Freezer freezer_;
    Dice dice_;
    bool freezing_ = false;
    std::optional<int> status_;

    // Time in which nothing was frozen by us, since the last progress and since the round began.
    std::chrono::milliseconds still_{0};
    std::chrono::milliseconds round_for_{0};
    std::uint64_t progress_ = 0;
    std::uint64_t round_ = 0;
    Clock::time_point begun_ = Clock::now();
};

/// Shows that a thread which is stopped takes no step while another goes on. Returns the exit code.
[[nodiscard]] int check_freezes(bool refuse_ptrace);

}  // namespace weft::storm
