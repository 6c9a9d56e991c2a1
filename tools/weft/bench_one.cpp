#include "bench_one.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>

#include "bench.hpp"
#include "json.hpp"
#include "output.hpp"
#include "subprocess.hpp"
#include "support/workload.hpp"

// The parent names the case, as both are of one tool; the child answers with the last line of its
// output, of which its stderr is a part.

namespace weft::tool {
namespace {

constexpr std::string_view kAnswer = "weft-bench-answer ";
constexpr const char* kSelf = "/proc/self/exe";

constexpr std::array<std::pair<const char*, Pin>, 5> kPins{{
    {"auto", Pin::Auto},
    {"core", Pin::Core},
    {"group", Pin::Group},
    {"numa", Pin::Numa},
    {"none", Pin::None},
}};

// ---- the child

struct OneOptions {
    std::string name;
    int workers = 1;
    std::string pin = "auto";
    std::string cpus;
    bool is_quick = false;
};

Json answer_of(const perf::WorkloadRun& run, const Metrics& metrics) {
    Json figures = Json::array();
    for (const perf::Figure& figure : run.figures()) {
        figures.push_back(
            {{"metric", figure.metric}, {"value", figure.value}, {"unit", figure.unit}}
        );
    }
    Json places = Json::array();
    for (const LoopPlace& place : metrics.places) {
        places.push_back({{"cpu", place.cpu}, {"l3", place.l3}, {"node", place.node}});
    }
    return {{"figures", figures}, {"places", places}, {"steals", metrics.steals}};
}

int run_one(const OneOptions& options) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);    // who ends the parent, by Ctrl-C say, wants no figures
    ::dup2(STDOUT_FILENO, STDERR_FILENO);  // warnings and last words: the parent sorts them
    const auto cases = cases_of(workload_catalog(), options.name);
    if (cases.size() != 1) {
        throw Misuse(fmt::format("'{}' is no WORKLOAD/CASE", options.name));
    }
    const auto found = perf::workloads().find(cases[0].workload);
    if (found == perf::workloads().end()) {
        throw std::runtime_error(fmt::format("the workload '{}' is not built in", cases[0].workload)
        );
    }
    if (!options.cpus.empty()) {
        ::setenv("WEFT_CPUS", options.cpus.c_str(), 1);
    }
    perf::WorkloadRun run;
    run.workers = options.workers;
    run.options.workers = options.workers;
    run.options.pin = pin_of_name(options.pin);
    run.sizes = options.is_quick ? cases[0].quick_sizes : cases[0].sizes;
    Metrics metrics;
    run.look = [&metrics](Runtime& runtime) { metrics = runtime.metrics(); };
    found->second(run);
    return print(fmt::format("\n{}{}\n", kAnswer, answer_of(run, metrics).dump())) ? kDone
                                                                                   : kFailed;
}

// ---- the parent

std::string own_path() {
    std::array<char, 4096> path{};
    const ssize_t length = ::readlink(kSelf, path.data(), path.size());
    return length > 0 ? std::string(path.data(), static_cast<std::size_t>(length)) : kSelf;
}

/// Takes the last line out of a log, for an error's text.
std::string take_last_words(std::string& log) {
    const std::size_t end = log.find_last_not_of('\n');
    if (end == std::string::npos) {
        return "";
    }
    const std::size_t before = log.find_last_of('\n', end);
    const std::size_t begin = before == std::string::npos ? 0 : before + 1;
    std::string words = ": " + log.substr(begin, end - begin + 1);
    log.resize(begin);
    return words;
}

std::string why_it_failed(const Finished& finished, const RunRequest& request) {
    constexpr int kSignalled = 128;
    if (finished.timed_out) {
        return fmt::format("was not done within {} s and was killed", request.timeout.count());
    }
    if (finished.exit_code > kSignalled) {
        const int signal = finished.exit_code - kSignalled;
        return fmt::format("was ended by signal {} ({})", signal, ::strsignal(signal));
    }
    return fmt::format("ended with exit code {}", finished.exit_code);
}

void read_answer(const Json& answer, RunOutcome& outcome) {
    for (const Json& figure : answer.at("figures")) {
        outcome.figures.push_back({
            figure.at("metric").get<std::string>(),
            figure.at("value").get<double>(),
            figure.at("unit").get<std::string>(),
        });
    }
    for (const Json& place : answer.at("places")) {
        outcome.places.push_back({
            .cpu = place.at("cpu").get<int>(),
            .l3 = place.at("l3").get<int>(),
            .node = place.at("node").get<int>(),
        });
    }
    outcome.steals = answer.at("steals").get<std::vector<std::uint64_t>>();
}

}  // namespace

RunOutcome run_in_child(const RunRequest& request) {
    std::vector<std::string> words{
        own_path(),
        "bench",
        "one",
        request.what.full_name(),
        "--workers",
        std::to_string(request.workers),
        "--pin",
        pin_name(request.pin),
    };
    if (!request.cpus.empty()) {
        words.insert(words.end(), {"--cpus", request.cpus});
    }
    if (request.is_quick) {
        words.emplace_back("--quick");
    }
    const Finished finished = run_process(words, request.timeout);
    RunOutcome outcome;
    const std::size_t at = finished.output.rfind(kAnswer);
    outcome.log = finished.output.substr(0, at);
    if (finished.exit_code != kDone || finished.timed_out || at == std::string::npos) {
        outcome.error = why_it_failed(finished, request) + take_last_words(outcome.log);
        return outcome;
    }
    read_answer(Json::parse(finished.output.substr(at + kAnswer.size())), outcome);
    return outcome;
}

const char* pin_name(Pin pin) {
    for (const auto& [name, value] : kPins) {
        if (value == pin) {
            return name;
        }
    }
    return "auto";
}

Pin pin_of_name(const std::string& name) {
    for (const auto& [known, value] : kPins) {
        if (name == known) {
            return value;
        }
    }
    throw std::invalid_argument("'" + name + "' is none of auto, core, group, numa and none");
}

Command add_bench_one(CLI::App& bench) {
    auto options = std::make_shared<OneOptions>();
    CLI::App* const command = bench.add_subcommand("one", "Run one case once");
    command->group("");
    command->add_option("WORKLOAD/CASE", options->name)->required();
    command->add_option("--workers", options->workers)->check(CLI::Range(1, kWorkersMax));
    command->add_option("--pin", options->pin);
    command->add_option("--cpus", options->cpus);
    command->add_flag("--quick", options->is_quick);
    return {command, [options] { return run_one(*options); }};
}

}  // namespace weft::tool
