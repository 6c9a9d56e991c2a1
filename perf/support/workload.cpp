#include "support/workload.hpp"

#include <chrono>
#include <stdexcept>
#include <weft/task.hpp>

namespace weft::perf {
namespace {

std::map<std::string, RunWorkload, std::less<>>& all() {
    static std::map<std::string, RunWorkload, std::less<>> added;
    return added;
}

}  // namespace

std::int64_t WorkloadRun::size(std::string_view name) const {
    const auto found = sizes.find(name);
    if (found == sizes.end()) {
        throw std::invalid_argument("the size '" + std::string(name) + "' is missing");
    }
    return found->second;
}

void WorkloadRun::in_runtime(const std::function<void()>& body) {
    Runtime runtime(options);
    runtime.run([&] { body(); });
    if (look) {
        look(runtime);
    }
}

void WorkloadRun::in_stealable_task(const std::function<void()>& body) {
    in_runtime([&] { await(spawn([&] { body(); })); });
}

void WorkloadRun::report(std::string_view metric, double value, std::string_view unit) {
    figures_.push_back({std::string(metric), value, std::string(unit)});
}

bool add_workload(std::string_view name, RunWorkload run) {
    all().emplace(name, run);
    return true;
}

const std::map<std::string, RunWorkload, std::less<>>& workloads() {
    return all();
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

}  // namespace weft::perf
