#include "workload_catalog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <regex>
#include <stdexcept>

#include "json.hpp"

namespace weft::tool {
namespace {

// What is this large is an amount of work; what is smaller tells how it is cut up.
constexpr std::int64_t kAmountOfWork = 10'000;
constexpr std::int64_t kQuickDivisor = 20;

std::map<int, double> parse_goals(const Json& goals) {
    std::map<int, double> parsed;
    for (const auto& [workers, value] : goals.items()) {
        int count = 0;
        const auto [end, error] =
            std::from_chars(workers.data(), workers.data() + workers.size(), count);
        if (error == std::errc{} && *end == '\0' && value.is_number()) {
            parsed.emplace(count, value.get<double>());
        }
    }
    return parsed;
}

WorkloadCase parse_case(std::string_view workload, const std::string& name, const Json& config) {
    WorkloadCase parsed{std::string(workload), name, config.at("sizes").get<Sizes>(), {}, {}, {}};
    parsed.quick_sizes = parsed.sizes;
    for (auto& [size, value] : parsed.quick_sizes) {
        value /= value >= kAmountOfWork ? kQuickDivisor : 1;
    }
    for (const auto& [size, value] : config.value("quick", Sizes())) {
        parsed.quick_sizes[size] = value;
    }
    parsed.workers = config.value("workers", std::vector<int>{1});
    parsed.goals = parse_goals(config.value("goal", Json::object()));
    return parsed;
}

}  // namespace

std::optional<double> WorkloadCase::goal(int with_workers) const {
    const auto found = goals.find(with_workers);
    return found != goals.end() ? std::optional(found->second) : std::nullopt;
}

Workload parse_workload(std::string_view name, std::string_view config) {
    try {
        const Json parsed = Json::parse(config);
        Workload workload{
            std::string(name), parsed.at("what").get<std::string>(), parsed.value("unit", ""), {}};
        for (const auto& [case_name, value] : parsed.at("cases").items()) {
            workload.cases.push_back(parse_case(name, case_name, value));
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
