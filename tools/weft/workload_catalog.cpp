#include "workload_catalog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <regex>
#include <stdexcept>
#include <system_error>

#include "json.hpp"

namespace weft::tool {
namespace {

// Sizes that say how often something is done: as many times less is the same question. Others are
// part of it, or what is to come out.
constexpr std::array<std::string_view, 8> kAmounts{
    "tasks", "yields", "turns", "trips", "items", "timers", "wakes", "requests"};
constexpr std::int64_t kQuickDivisor = 20;
constexpr std::int64_t kQuickFrom = 10'000;  // where "tasks" are few they are the question, too

Sizes quick_sizes_of(const Sizes& sizes) {
    Sizes quick = sizes;
    for (auto& [name, value] : quick) {
        const bool is_amount = std::ranges::find(kAmounts, name) != kAmounts.end();
        value /= is_amount && value >= kQuickFrom ? kQuickDivisor : 1;
    }
    return quick;
}

/// "goal": {"1": 10}, of the first metric, or {"1": {"create": 80, "cancel": 20}}.
void parse_goals(const Json& goals, WorkloadCase& parsed) {
    for (const auto& [workers, value] : goals.items()) {
        int count = 0;
        const char* const end = workers.data() + workers.size();
        if (const auto read = std::from_chars(workers.data(), end, count);
            read.ec != std::errc{} || read.ptr != end) {
            continue;
        }
        if (value.is_number()) {
            parsed.goals[{count, parsed.metrics.front()}] = value.get<double>();
            continue;
        }
        for (const auto& [metric, goal] : value.items()) {
            parsed.goals[{count, metric}] = goal.get<double>();
        }
    }
}

/// `check`: the sizes that a config.json gives for tests, in which a run takes no time.
WorkloadCase parse_case(
    const Workload& workload, const Sizes& check, const std::string& name, const Json& config
) {
    WorkloadCase parsed;
    parsed.workload = workload.name;
    parsed.name = name;
    parsed.metrics = workload.metrics;
    parsed.sizes = config.at("sizes").get<Sizes>();
    parsed.quick_sizes = check.empty() ? quick_sizes_of(parsed.sizes) : parsed.sizes;
    for (const auto& [size, value] : check) {
        parsed.quick_sizes[size] = value;
    }
    parsed.workers = config.value("workers", std::vector<int>{1});
    parse_goals(config.value("goal", Json::object()), parsed);
    return parsed;
}

}  // namespace

std::optional<double> WorkloadCase::goal(int with_workers, const std::string& metric) const {
    const auto found = goals.find({with_workers, metric});
    return found != goals.end() ? std::optional(found->second) : std::nullopt;
}

Workload parse_workload(std::string_view name, std::string_view config) {
    try {
        const Json parsed = Json::parse(config);
        Workload workload;
        workload.name = name;
        workload.what = parsed.at("what").get<std::string>();
        workload.unit = parsed.value("unit", "");
        workload.metrics = parsed.value("metrics", std::vector<std::string>());
        if (workload.metrics.empty()) {
            workload.metrics = {"time"};
        }
        const Sizes check = parsed.value("check", Sizes());
        for (const auto& [case_name, value] : parsed.at("cases").items()) {
            workload.cases.push_back(parse_case(workload, check, case_name, value));
        }
        return workload;
    } catch (const Json::exception& error) {
        throw std::runtime_error(
            fmt::format("the config.json of the workload '{}': {}", name, error.what())
        );
    }
}

const std::vector<Workload>& workload_catalog() {
    static const std::vector<Workload> catalog = [] {
        std::vector<Workload> all;
        for (const EmbeddedConfig& config : embedded_configs()) {
            all.push_back(parse_workload(config.name, config.text));
        }
        std::ranges::sort(all, {}, &Workload::name);
        return all;
    }();
    return catalog;
}

std::vector<WorkloadCase> cases_that_match(
    const std::vector<Workload>& catalog, const std::string& expression
) {
    const std::regex wanted(expression);
    std::vector<WorkloadCase> cases;
    for (const Workload& workload : catalog) {
        std::ranges::copy_if(
            workload.cases,
            std::back_inserter(cases),
            [&](const WorkloadCase& one) { return std::regex_search(one.full_name(), wanted); }
        );
    }
    return cases;
}

std::vector<WorkloadCase> cases_of(const std::vector<Workload>& catalog, std::string_view name) {
    std::vector<WorkloadCase> cases;
    for (const Workload& workload : catalog) {
        std::ranges::copy_if(
            workload.cases,
            std::back_inserter(cases),
            [&](const WorkloadCase& one) { return one.workload == name || one.full_name() == name; }
        );
    }
    return cases;
}

}  // namespace weft::tool
