#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace weft::tool {

// Exit codes: what was asked for was done, was not done or only in part, was not understood.
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kMisused = 2;

inline constexpr int kWorkersMax = 1024;
inline constexpr int kPortMax = 65535;

/// A length of time; CLI::Range lets NaN through.
[[nodiscard]] inline CLI::Validator seconds_between(double least, double most) {
    const auto check = [least, most](const std::string& text) {
        double value = 0;
        if (CLI::detail::lexical_cast(text, value) && value >= least && value <= most) {
            return std::string();
        }
        return "Value " + text + " not in range " + std::to_string(least) + " to " +
               std::to_string(most);
    };
    return CLI::Validator(check, "SECONDS");
}

/// A sub-command: `app` has its options, `run` does it and returns the exit code.
struct Command {
    CLI::App* app;
    std::function<int()> run;
};

[[nodiscard]] Command add_bench(CLI::App& app);
[[nodiscard]] Command add_demo(CLI::App& app);
[[nodiscard]] Command add_echo(CLI::App& app);
[[nodiscard]] Command add_hash(CLI::App& app);
[[nodiscard]] Command add_load(CLI::App& app);
[[nodiscard]] Command add_simulate(CLI::App& app);

}  // namespace weft::tool
