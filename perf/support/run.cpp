#include "support/run.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>

namespace weft::perf {
namespace {

constexpr int kFirstSize = 3;

/// Errors    std::invalid_argument and std::out_of_range for words that are no numbers.
void read_words(int count, char** words, Run& run) {
    run.workers = std::stoi(words[2]);
    for (int i = kFirstSize; i < count; ++i) {
        const std::string word = words[i];
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos) {
            throw std::invalid_argument("'" + word + "' is no SIZE=NUMBER");
        }
        run.sizes[word.substr(0, equals)] = std::stoll(word.substr(equals + 1));
    }
}

}  // namespace

std::int64_t Run::size(std::string_view name) const {
    const auto found = sizes.find(name);
    if (found == sizes.end()) {
        throw std::invalid_argument("the size '" + std::string(name) + "' is missing");
    }
    return found->second;
}

void Run::report(std::string_view metric, double value, std::string_view unit) {
    figures_.push_back({std::string(metric), value, std::string(unit)});
}

int run_program(
    int count, char** words, Run& run, const std::function<bool(std::string_view name)>& body
) {
    if (count < kFirstSize) {
        std::fprintf(stderr, "usage: %s WORKLOAD WORKERS [SIZE=NUMBER]...\n", words[0]);
        return 2;
    }
    try {
        read_words(count, words, run);
        if (!body(words[1])) {
            std::fprintf(stderr, "%s: there is no workload %s\n", words[0], words[1]);
            return 2;
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", words[0], error.what());
        return 1;
    }
    for (const Figure& figure : run.figures()) {
        std::printf("M %s %.3f %s\n", figure.metric.c_str(), figure.value, figure.unit.c_str());
    }
    return 0;
}

void expect_equal(std::int64_t found, std::int64_t expected, std::string_view what) {
    if (found != expected) {
        throw std::runtime_error(
            std::string(what) + " is " + std::to_string(found) + ", not " + std::to_string(expected)
        );
    }
}

void keep_busy(std::chrono::nanoseconds duration) {
    const auto end = std::chrono::steady_clock::now() + duration;
    while (std::chrono::steady_clock::now() < end) {
    }
}

double nanoseconds_of(const std::function<void()>& body) {
    const auto start = std::chrono::steady_clock::now();
    body();
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start)
        .count();
}

double percentile(std::vector<double>& times, double share) {
    if (times.empty()) {
        throw std::invalid_argument("there are no times");
    }
    std::sort(times.begin(), times.end());
    const auto index = static_cast<std::size_t>(share * static_cast<double>(times.size()));
    return times[std::min(index, times.size() - 1)];
}

double resident_bytes() {
    constexpr double kKibibyte = 1024;
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
        if (word == "VmRSS:") {
            double size = 0;
            status >> size;
            return size * kKibibyte;
        }
    }
    throw std::runtime_error("the system does not say how much memory is resident");
}

}  // namespace weft::perf
