#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include "model/expect.hpp"

// How good the models are: the order of each operation that they come to is taken away, and each
// read-modify-write is split, one at a time; a scenario has to notice. Who is not noticed is a survivor:
// survivors.txt says of each why it does no harm.

namespace weft::model {
namespace {

using Change = Mutation::Change;

constexpr rlim_t kSecondsForOne = 60;  // of CPU time
// How the reason of a survivor begins that does the same as the code: nothing could find it.
constexpr std::string_view kEquivalent = "equivalent: ";

const char* name_of(Change change) noexcept {
    switch (change) {
        case Change::NoAcquire:
            return "NoAcquire";
        case Change::NoRelease:
            return "NoRelease";
        case Change::NoOrder:
            return "NoOrder";
        case Change::LoadOnly:
            return "LoadOnly";
        case Change::Split:
            return "Split";
    }
    return "";
}

/// A planted bug, and the scenarios that come to its place.
struct Mutant {
    std::string name;
    Mutation mutation;
    std::vector<const Held*> scenarios;
};

/// What became of one.
enum class Fate { Survived, Killed, OutOfTime };

/// Code that is tested, or the model that follows it function by function. What a test brings with it has
/// its own planted bugs.
bool counts(std::string_view file) {
    return file.find("runtime/") != std::string_view::npos ||
           file.find("include/weft/") != std::string_view::npos ||
           file.ends_with("sleep_model.cpp");
}

/// The name of a template's function comes with its arguments.
std::string name_of(const Place& place) {
    const std::string_view name = place.function;
    return std::string(name.substr(0, name.find('<')));
}

std::string_view last_part(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

/// "sleep_word.hpp claim compare_exchange#2": the second of that kind in the function, from its top.
using Lines = std::map<std::tuple<std::string, std::string, std::string>, std::set<int>>;

std::string describe(const Place& place, const Lines& lines) {
    const std::string file(last_part(place.file));
    const std::set<int>& same = lines.at({file, name_of(place), place.operation});
    std::string text = file + " " + name_of(place) + " " + place.operation;
    if (same.size() > 1) {
        text += "#" + std::to_string(std::distance(same.begin(), same.find(place.line)) + 1);
    }
    return text;
}

std::vector<Mutant> mutants_of(const std::vector<Held>& held) {
    using Clock = std::chrono::steady_clock;
    std::vector<std::pair<const Held*, std::vector<Use>>> uses;
    std::map<const Held*, Clock::duration> costs;
    Lines lines;
    for (const Held& one : held) {
        const Clock::time_point start = Clock::now();
        std::vector<Use> found = uses_of(one.scenario, one.limits);
        costs[&one] = Clock::now() - start;
        std::erase_if(found, [](const Use& use) { return !counts(use.place.file); });
        for (const Use& use : found) {
            lines[{std::string(last_part(use.place.file)), name_of(use.place), use.place.operation}]
                .insert(use.place.line);
        }
        uses.emplace_back(&one, std::move(found));
    }
    std::map<std::string, Mutant> mutants;
    for (const auto& [scenario, found] : uses) {
        for (const Use& use : found) {
            const auto plant = [&, scenario = scenario](bool applies, Change change) {
                if (!applies) {
                    return;
                }
                const std::string name = describe(use.place, lines) + " " + name_of(change);
                Mutant& mutant = mutants[name];
                mutant.name = name;
                mutant.mutation = {
                    use.place.file,
                    use.place.function,
                    change,
                    use.place.operation,
                    use.place.line};
                mutant.scenarios.push_back(scenario);
            };
            // Where an operation has both orders, one of them may be there for the looks of it.
            plant(use.acquires && use.releases, Change::NoOrder);
            plant(use.acquires && !use.releases, Change::NoAcquire);
            plant(use.releases && !use.acquires, Change::NoRelease);
            plant(use.modifies, Change::Split);
            plant(use.changes_nothing, Change::LoadOnly);
        }
    }
    std::vector<Mutant> all;
    for (auto& [name, mutant] : mutants) {
        std::sort(
            mutant.scenarios.begin(),
            mutant.scenarios.end(),
            [&costs](auto* left, auto* right) {
                return costs.at(left) < costs.at(right);  // most bugs are found by a small one
            }
        );
        all.push_back(std::move(mutant));
    }
    return all;
}

/// In a process of its own: a bug may crash, or never come to an end.
[[noreturn]] void try_one(const Mutant& mutant) {
    const rlimit limit{kSecondsForOne, kSecondsForOne + 1};
    ::setrlimit(RLIMIT_CPU, &limit);
    for (const Held* const one : mutant.scenarios) {
        if (!explore(one->scenario, one->limits, mutant.mutation).failure.empty()) {
            std::_Exit(1);
        }
    }
    std::_Exit(0);
}

Fate fate_of(int status) noexcept {
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
        return Fate::OutOfTime;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? Fate::Survived : Fate::Killed;
}

std::vector<Fate> try_all(const std::vector<Mutant>& mutants) {
    std::vector<Fate> fates(mutants.size());
    std::map<pid_t, std::size_t> running;
    const std::size_t most = std::max(1U, std::thread::hardware_concurrency());
    std::size_t next = 0;
    while (next != mutants.size() || !running.empty()) {
        if (next != mutants.size() && running.size() < most) {
            const pid_t child = ::fork();
            if (child == 0) {
                try_one(mutants[next]);
            }
            running[child] = next++;
            continue;
        }
        int status = 0;
        const pid_t ended = ::wait(&status);
        const std::size_t which = running.at(ended);
        fates[which] = fate_of(status);
        running.erase(ended);
        if (fates[which] != Fate::Killed) {
            std::fprintf(
                stderr, "%zu of %zu: %s\n", which, mutants.size(), mutants[which].name.c_str()
            );
        }
    }
    return fates;
}

/// "name: why it does no harm", a line each; '#' begins a comment.
std::map<std::string, std::string> argued_in(const char* path) {
    std::map<std::string, std::string> argued;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        const std::size_t colon = line.find(": ");
        if (!line.starts_with('#') && colon != std::string::npos) {
            argued[line.substr(0, colon)] = line.substr(colon + 2);
        }
    }
    return argued;
}

int report(const std::vector<Mutant>& mutants, const std::vector<Fate>& fates, const char* path) {
    std::map<std::string, std::string> argued = argued_in(path);
    std::size_t killed = 0;
    std::size_t unexplained = 0;
    std::size_t equivalent = 0;
    for (std::size_t i = 0; i < mutants.size(); ++i) {
        if (fates[i] == Fate::Killed) {
            ++killed;
            continue;
        }
        const auto reason = argued.find(mutants[i].name);
        const bool explained = reason != argued.end() && fates[i] == Fate::Survived;
        unexplained += explained ? 0 : 1;
        const bool proven = explained && reason->second.starts_with(kEquivalent);
        equivalent += proven ? 1U : 0U;
        std::printf(
            "%s  %s: %s\n",
            fates[i] == Fate::OutOfTime ? "OUT OF TIME" : "survived",
            mutants[i].name.c_str(),
            explained ? reason->second.c_str() : "NOBODY SAYS WHY"
        );
        argued.erase(mutants[i].name);
    }
    for (const auto& [name, reason] : argued) {
        std::printf("%s has a reason to survive, but does not, or is no more\n", name.c_str());
    }
    const auto percent_of = [killed](std::size_t all) {
        return all == 0 ? 0.0 : 100.0 * static_cast<double>(killed) / static_cast<double>(all);
    };
    std::printf(
        "%zu mutants, %zu killed (%.1f %%; %.1f %% without the %zu that are proven equivalent), "
        "%zu survive "
        "of which %zu for no reason that is given\n",
        mutants.size(),
        killed,
        percent_of(mutants.size()),
        percent_of(mutants.size() - equivalent),
        equivalent,
        mutants.size() - killed,
        unexplained
    );
    return unexplained == 0 && argued.empty() && !mutants.empty() ? 0 : 1;
}

}  // namespace
}  // namespace weft::model

int main(int argc, char** argv) {
    using namespace weft::model;  // NOLINT: this is the program
    GTEST_FLAG_SET(brief, true);
    ::testing::InitGoogleTest(&argc, argv);
    if (argc != 2) {
        std::fputs("usage: model_mutants SURVIVORS  (tests/model/survivors.txt)\n", stderr);
        return 2;
    }
    std::vector<Held> held;
    collect_held(held);
    if (RUN_ALL_TESTS() != 0) {
        return 1;
    }
    const std::vector<Mutant> mutants = mutants_of(held);
    const auto deep = std::count_if(held.begin(), held.end(), [](const Held& one) {
        return one.limits.preemptions >= 3;
    });
    std::printf(
        "%zu scenarios that hold, %td of them with three preemptions or more\n", held.size(), deep
    );
    std::fflush(stdout);
    return report(mutants, try_all(mutants), argv[1]);
}
