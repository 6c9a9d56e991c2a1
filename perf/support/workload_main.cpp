#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

#include "support/workload.hpp"

// weft's side of the workloads as the peers' programs have theirs:
//     PROGRAM WORKLOAD WORKERS [SIZE=NUMBER]...
// prints a line for each figure, "M METRIC VALUE UNIT".

namespace {

int run(int count, char** words) {
    constexpr int kFirstSize = 3;
    if (count < kFirstSize) {
        std::fprintf(stderr, "usage: %s WORKLOAD WORKERS [SIZE=NUMBER]...\n", words[0]);
        return 2;
    }
    const std::string_view name = words[1];
    const auto found = weft::perf::workloads().find(name);
    if (found == weft::perf::workloads().end()) {
        std::fprintf(stderr, "%s: there is no workload %s\n", words[0], words[1]);
        return 2;
    }
    weft::perf::WorkloadRun run;
    run.options.workers = std::stoi(words[2]);
    for (int i = kFirstSize; i < count; ++i) {
        const std::string word = words[i];
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos) {
            std::fprintf(stderr, "%s: '%s' is no SIZE=NUMBER\n", words[0], words[i]);
            return 2;
        }
        run.sizes[word.substr(0, equals)] = std::stoll(word.substr(equals + 1));
    }
    found->second(run);
    for (const weft::perf::Figure& figure : run.figures()) {
        std::printf("M %s %.3f %s\n", figure.metric.c_str(), figure.value, figure.unit.c_str());
    }
    return 0;
}

}  // namespace

int main(int count, char** words) {
    try {
        return run(count, words);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", words[0], error.what());
        return 1;
    }
}
