#include "allocation_sweep.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "support/leak_check.hpp"
#include "support/scale.hpp"
#include "support/watchdog.hpp"
#include "task/report.hpp"

// The sweep's process tells it on its standard output, a line each:
//   @run POINT                        begins
//   @end END ASKED REFUSED            ended as it should
//   @wrong TEXT                       ended, but
//   @done                             no point is left

namespace weft::test {
namespace {

constexpr const char* kPoint = "WEFT_ALLOCATION";  // a point; with "+2": and every second after it
constexpr const char* kAll = "WEFT_ALLOCATION_ALL";  // set: every point in every mode
constexpr const char* kLimit = "WEFT_ALLOCATION_LIMIT";
constexpr std::array kLoops{1, 2};
// A scenario of which so many processes died is known to be broken.
constexpr int kMostDeaths = 8;

/// Every how many points of a mode are tried. One refusal is at every point; who refuses several meets
/// the same places again and again.
std::uint64_t stride_of(RefusalMode mode, std::uint64_t stride) {
    constexpr std::uint64_t kOfBursts = 4;
    constexpr std::uint64_t kOfRests = 2;
    if (mode == RefusalMode::One || std::getenv(kAll) != nullptr) {
        return stride;
    }
    return stride * (mode == RefusalMode::Burst ? kOfBursts : kOfRests);
}

void say(const std::string& line) {
    std::fputs((line + "\n").c_str(), stdout);
    std::fflush(stdout);
}

// ---------------------------------------------------------------------------------------------
// The process that runs the points

TrialResult run_point(const Scenario& scenario, const TrialPoint& point, Watchdog& watchdog) {
    say("@run " + point.text());
    watchdog.begin(std::string(scenario.name) + " at " + point.text());
    TrialResult result = run_trial(scenario, point);
    watchdog.end();
    if (result.problem.empty()) {
        say("@end " + std::string(name_of(result.end)) + " " + std::to_string(result.count.asked) +
            " " + std::to_string(result.count.refused));
    } else {
        std::replace(result.problem.begin(), result.problem.end(), '\n', ' ');
        say("@wrong " + result.problem);
    }
    return result;
}

/// All points from this one on; whoever comes behind the first in its order starts at 1.
void run_points_from(
    const Scenario& scenario, const TrialPoint& from, std::uint64_t stride, Watchdog& watchdog
) {
    bool before = true;
    for (const int loops : kLoops) {
        watchdog.begin(std::string(scenario.name) + " without refusals");
        const std::uint64_t requests = count_requests(scenario, loops);
        watchdog.end();
        for (const RefusalMode mode : kRefusalModes) {
            std::uint64_t first = 1;
            if (before) {
                if (loops != from.loops || mode != from.mode) {
                    continue;
                }
                before = false;
                first = from.first;
            }
            // Tasks on several loops do not make the same number each time.
            for (; first <= requests; first += stride_of(mode, stride)) {
                static_cast<void>(run_point(scenario, {loops, mode, first}, watchdog));
            }
        }
    }
    say("@done");
}

// ---------------------------------------------------------------------------------------------
// The process that reads what it says

struct Child {
    std::string output;
    int status = 0;
};

Child run_child(const std::string& filter, const std::string& points, std::chrono::seconds limit) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        throw std::system_error(errno, std::generic_category(), "pipe2");
    }
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    std::string program = "/proc/self/exe";
    std::string argument = "--gtest_filter=" + filter;
    std::array<char*, 3> arguments{program.data(), argument.data(), nullptr};
    ::setenv(kPoint, points.c_str(), 1);
    ::setenv(kLimit, std::to_string(limit.count()).c_str(), 1);
    pid_t process = 0;
    const int error =
        ::posix_spawn(&process, program.c_str(), &actions, nullptr, arguments.data(), environ);
    ::unsetenv(kPoint);
    ::unsetenv(kLimit);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    Child child;
    std::array<char, 4096> buffer{};
    for (ssize_t count = 1; error == 0 && count > 0;) {
        count = ::read(ends[0], buffer.data(), buffer.size());
        child.output.append(buffer.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
    }
    ::close(ends[0]);
    if (error != 0) {
        throw std::system_error(error, std::generic_category(), "posix_spawn");
    }
    ::waitpid(process, &child.status, 0);
    return child;
}

TrialEnd end_named(std::string_view name) {
    return *std::find_if(kTrialEnds.begin(), kTrialEnds.end(), [&](TrialEnd end) {
        return name_of(end) == name;
    });
}

/// The last lines that are not for the sweep.
std::string last_words(const std::string& output) {
    constexpr std::size_t kMostLines = 40;
    std::istringstream lines(output);
    std::vector<std::string> words;
    for (std::string line; std::getline(lines, line);) {
        if (line.empty() || line.front() != '@') {
            words.push_back(line);
        }
    }
    std::string text;
    for (std::size_t i = words.size() - std::min(words.size(), kMostLines); i < words.size(); ++i) {
        text += "\n    " + words[i];
    }
    return text;
}

std::string how_it_ended(int status) {
    return WIFSIGNALED(status) ? "killed by signal " + std::to_string(WTERMSIG(status))
                               : "exit status " + std::to_string(WEXITSTATUS(status));
}

/// What a child said, and where it stopped.
struct Reading {
    std::optional<TrialPoint> open;  // begun and not ended
    TrialPoint last;
    bool done = false;
};

Reading read_output(const std::string& output, SweepReport& report) {
    Reading reading;
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string what;
        words >> what;
        if (what == "@run") {
            std::string point;
            words >> point;
            reading.last = TrialPoint::parse(point);
            reading.open = reading.last;
        } else if (what == "@end") {
            TrialResult result;
            std::string end;
            words >> end >> result.count.asked >> result.count.refused;
            result.end = end_named(end);
            report.totals.add(result);
            reading.open.reset();
        } else if (what == "@wrong") {
            report.totals.points += 1;
            report.findings.push_back(
                {Finding::Kind::Wrong, reading.last, line.substr(what.size() + 1)}
            );
            reading.open.reset();
        } else if (what == "@done") {
            reading.done = true;
        }
    }
    return reading;
}

}  // namespace

void SweepTotals::add(const TrialResult& result) {
    points += result.end != TrialEnd::Unreached ? 1 : 0;
    refusals += result.count.refused;
    ++ends[static_cast<std::size_t>(result.end)];
}

void SweepTotals::add(const SweepTotals& other) {
    points += other.points;
    refusals += other.refusals;
    for (std::size_t i = 0; i < ends.size(); ++i) {
        ends[i] += other.ends[i];
    }
}

std::string SweepTotals::text() const {
    std::string text =
        std::to_string(points) + " points, " + std::to_string(refusals) + " refusals:";
    for (const TrialEnd end : kTrialEnds) {
        text += " " + std::to_string(ends[static_cast<std::size_t>(end)]) + " " +
                std::string(name_of(end));
    }
    return text;
}

std::uint64_t sweep_stride() {
    constexpr std::uint64_t kTsanStride = 97;
    constexpr std::uint64_t kAsanStride = 61;
    constexpr std::uint64_t kLongStride = 3;
    constexpr std::uint64_t kShortStride = 11;
    if (std::getenv(kAll) != nullptr) {
        return 1;
    }
    return kTsan ? kTsanStride : kAsan ? kAsanStride : kLong ? kLongStride : kShortStride;
}

std::string command_of(const TrialPoint& point, const std::string& filter) {
    std::array<char, 4096> program{};
    const ssize_t count = ::readlink("/proc/self/exe", program.data(), program.size());
    return std::string(kPoint) + "=" + point.text() + " " +
           std::string(program.data(), count > 0 ? static_cast<std::size_t>(count) : 0) +
           " --gtest_filter='" + filter + "'";
}

SweepReport sweep(
    const Scenario& scenario,
    const std::string& filter,
    std::chrono::seconds limit,
    std::uint64_t stride
) {
    SweepReport report;
    TrialPoint from{.loops = kLoops.front(), .mode = kRefusalModes.front()};
    for (int deaths = 0; deaths < kMostDeaths; ++deaths) {
        const Child child = run_child(filter, from.text() + "+" + std::to_string(stride), limit);
        const Reading reading = read_output(child.output, report);
        if (reading.done && child.status == 0) {
            return report;
        }
        const bool late = child.output.find("did not end before its deadline") != std::string::npos;
        const std::string words = how_it_ended(child.status) + last_words(child.output);
        if (reading.open) {
            report.findings.push_back(
                {late ? Finding::Kind::Hang : Finding::Kind::Crash, *reading.open, words}
            );
            from = *reading.open;
            from.first += stride_of(from.mode, stride);
            continue;
        }
        if (report.findings.empty() || !reading.done) {
            report.findings.push_back(
                {late ? Finding::Kind::Hang : Finding::Kind::Crash,
                 reading.last,
                 std::string(scenario.name) + " between points: " + words}
            );
        }
        return report;
    }
    return report;
}

bool run_as_child(const Scenario& scenario) {
    const char* const given = std::getenv(kPoint);
    if (given == nullptr) {
        return false;
    }
    const char* const limit = std::getenv(kLimit);
    constexpr long kReplayLimit = 5;
    Watchdog watchdog(
        std::chrono::seconds(limit != nullptr ? std::strtol(limit, nullptr, 10) : kReplayLimit) *
            (kTsan || kAsan ? 4 : 1),
        [] { static_cast<void>(allow_memory()); }  // for the list of tasks
    );
    const std::uint64_t unseen = rt::unseen_errors();
    std::string_view points = given;
    if (const std::size_t plus = points.find('+'); plus != std::string_view::npos) {
        std::uint64_t stride = 1;
        std::from_chars(points.data() + plus + 1, points.data() + points.size(), stride);
        run_points_from(scenario, TrialPoint::parse(points.substr(0, plus)), stride, watchdog);
    } else {
        show_refusals();
        const TrialResult result = run_point(scenario, TrialPoint::parse(points), watchdog);
        EXPECT_EQ(result.problem, "");
    }
    expect_unseen(rt::unseen_errors() - unseen);  // each trial has looked at its own
    return true;
}

}  // namespace weft::test
