#include "allocation_trial.hpp"

#include <charconv>
#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

#include "base/log.hpp"
#include "support/leak_check.hpp"

namespace weft::test {
namespace {

constexpr std::uint64_t kBurst = 8;
constexpr std::uint64_t kForEver = std::numeric_limits<std::uint64_t>::max();

Refusals refusals_at(const TrialPoint& point) {
    switch (point.mode) {
        case RefusalMode::One:
            return {point.first, point.first};
        case RefusalMode::Burst:
            return {point.first, point.first + kBurst - 1};
        case RefusalMode::Rest:
            break;
    }
    return {point.first, kForEver};
}

/// Takes the runtime's lines without asking for memory, and notes those that say it gave up.
void take_log_line(rt::LogLevel /*level*/, std::string_view text) {
    if (text.find("gave up") != std::string_view::npos) {
        Trial::note("the runtime", text);
    }
}

class QuietLog {
public:
    QuietLog() { rt::set_log_sink(&take_log_line); }
    QuietLog(const QuietLog&) = delete;
    QuietLog& operator=(const QuietLog&) = delete;
    ~QuietLog() { rt::set_log_sink(nullptr); }
};

/// Fills what the process keeps for good, records of tasks above all, so that its growth is no leak.
void warm_up() {
    static const bool once = [] {
        constexpr int kTasks = 1'500;
        RuntimeOptions options;
        options.workers = 2;
        options.pin = Pin::None;
        Runtime runtime(options);
        runtime.run([] {
            std::vector<Task<void>> tasks;
            for (int i = 0; i < kTasks; ++i) {
                tasks.push_back(spawn([] {}));
            }
            for (const Task<void>& task : tasks) {
                await(task);
            }
        });
        return true;
    }();
    static_cast<void>(once);
}

void run_once(const Scenario& scenario, Trial& trial, Runtime* runtime) {
    try {
        if (runtime != nullptr) {
            runtime->run([&] { scenario.run(trial); });
        } else {
            scenario.run(trial);
        }
    } catch (...) {
        trial.look_at(std::current_exception(), "an exception left the scenario");
        Trial::note("std::bad_alloc left the scenario", {});
    }
}

struct Remains {
    std::int64_t blocks = 0;
    std::string text;  // of what is no memory
};

/// What is more than before; threads that were joined or detached leave a moment later.
Remains remains_since(
    std::int64_t blocks, const Holdings& before, std::chrono::milliseconds patience
) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
        const std::int64_t more = live_blocks() - blocks;
        Remains remains{more, Holdings::now().added_since(before)};
        const bool none = more <= 0 && remains.text.empty();
        if (none || std::chrono::steady_clock::now() > deadline) {
            return remains;
        }
        std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
}

TrialResult run_both(const Scenario& scenario, const TrialPoint& point) {
    TrialResult result;
    Trial failing(point.loops, refusals_at(point));
    Trial again(point.loops, Refusals{});
    {
        std::optional<Runtime> runtime;
        if (scenario.stage == Stage::Task) {
            runtime.emplace(failing.options());
            watch_reports(*runtime);
        }
        Runtime* const stage = runtime ? &*runtime : nullptr;
        run_once(scenario, failing, stage);
        const int told = reports();
        result.count = failing.count();
        result.end = result.count.refused == 0 ? TrialEnd::Unreached
                     : failing.failed()        ? TrialEnd::Threw
                     : told != 0               ? TrialEnd::Reported
                                               : TrialEnd::Succeeded;
        run_once(scenario, again, stage);
        if (again.failed()) {
            Trial::note("the second run threw", {});
        }
    }
    result.problem = noted();
    return result;
}

}  // namespace

std::string_view name_of(RefusalMode mode) {
    constexpr std::array<std::string_view, kRefusalModes.size()> kNames{"one", "burst", "rest"};
    return kNames[static_cast<std::size_t>(mode)];
}

std::string_view name_of(TrialEnd end) {
    constexpr std::array<std::string_view, kTrialEnds.size()> kNames{
        "unreached", "succeeded", "reported", "threw"};
    return kNames[static_cast<std::size_t>(end)];
}

std::string TrialPoint::text() const {
    return std::to_string(loops) + ":" + std::string(name_of(mode)) + ":" + std::to_string(first);
}

TrialPoint TrialPoint::parse(std::string_view text) {
    TrialPoint point;
    const std::size_t second = text.find(':');
    const std::size_t third = text.rfind(':');
    if (second == std::string_view::npos || third == second) {
        throw std::invalid_argument("a point is LOOPS:MODE:FIRST");
    }
    std::from_chars(text.data(), text.data() + second, point.loops);
    std::from_chars(text.data() + third + 1, text.data() + text.size(), point.first);
    const std::string_view mode = text.substr(second + 1, third - second - 1);
    for (const RefusalMode each : kRefusalModes) {
        if (name_of(each) == mode) {
            point.mode = each;
            return point;
        }
    }
    throw std::invalid_argument("there is no such mode: " + std::string(mode));
}

TrialResult run_trial(const Scenario& scenario, const TrialPoint& point) {
    using std::chrono::milliseconds;
    warm_up();
    const QuietLog quiet;
    TrialResult result;
    // What the process keeps for good grows once; a leak comes again.
    for (const auto patience : {milliseconds(10), milliseconds(100), milliseconds(700)}) {
        forget_notes();
        static Holdings before = Holdings::now();  // reading it takes as long as a run
        const std::int64_t blocks = live_blocks();
        result = run_both(scenario, point);
        const Remains remains = remains_since(blocks, before, patience);
        if (!result.problem.empty()) {
            return result;
        }
        if (!remains.text.empty() && patience > milliseconds(100)) {
            result.problem = "left behind " + remains.text;
            before = Holdings::now();
            return result;
        }
        if (remains.blocks <= 0 && remains.text.empty()) {
            return result;
        }
        result.problem = "leaked " + std::to_string(remains.blocks) + " blocks";
    }
    return result;
}

std::uint64_t count_requests(const Scenario& scenario, int loops) {
    constexpr int kRuns = 3;
    std::uint64_t most = 0;
    for (int run = 0; run < kRuns; ++run) {
        const TrialResult result = run_trial(scenario, {.loops = loops, .first = kForEver});
        if (!result.problem.empty()) {
            throw std::runtime_error("without refusals: " + result.problem);
        }
        most = std::max(most, result.count.asked);
    }
    return most;
}

}  // namespace weft::test
