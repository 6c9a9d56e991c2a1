#include "bench_results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "files.hpp"
#include "output.hpp"
#include "statistics.hpp"

namespace weft::tool {
namespace {

constexpr std::string_view kFormat = "weft bench 1";

Json result_to_json(const BenchResult& result) {
    const Summary summary = summarize(result.values);
    return {
        {"workload", result.workload},
        {"case", result.name},
        {"workers", result.workers},
        {"metric", result.metric},
        {"unit", result.unit},
        {"goal", result.goal.has_value() ? Json(*result.goal) : Json()},
        {"median", summary.median},
        {"min", summary.least},
        {"max", summary.most},
        {"mad", summary.mad},
        {"values", result.values},
    };
}

BenchResult result_from_json(const Json& json) {
    BenchResult result{
        json.at("workload").get<std::string>(),
        json.at("case").get<std::string>(),
        json.at("workers").get<int>(),
        json.at("metric").get<std::string>(),
        json.at("unit").get<std::string>(),
        std::nullopt,
        json.at("values").get<std::vector<double>>(),
    };
    if (json.contains("goal") && json.at("goal").is_number()) {
        result.goal = json.at("goal").get<double>();
    }
    return result;
}

std::string goal_text(const BenchResult& result, double median) {
    if (!result.goal.has_value()) {
        return "";
    }
    const bool is_met =
        more_is_better(result.unit) ? median >= *result.goal : median <= *result.goal;
    return fmt::format("{} {}", short_number(*result.goal), is_met ? "met" : "missed");
}

}  // namespace

bool more_is_better(std::string_view unit) {
    return unit.ends_with("/s") || unit == "x";
}

Json to_json(const BenchReport& report) {
    Json results = Json::array();
    for (const BenchResult& result : report.results) {
        results.push_back(result_to_json(result));
    }
    Json failures = Json::array();
    for (const BenchFailure& failure : report.failures) {
        failures.push_back({{"what", failure.what}, {"why", failure.why}});
    }
    return {
        {"format", kFormat},
        {"fingerprint", report.fingerprint},
        {"quick", report.is_quick},
        {"results", std::move(results)},
        {"failures", std::move(failures)},
    };
}

BenchReport report_from_json(const Json& json) {
    if (!json.is_object() || json.value("format", Json()) != kFormat) {
        throw std::runtime_error(fmt::format("its \"format\" is not \"{}\"", kFormat));
    }
    try {
        BenchReport report{json.at("fingerprint"), json.value("quick", false), {}, {}};
        for (const Json& result : json.at("results")) {
            report.results.push_back(result_from_json(result));
        }
        for (const Json& failure : json.value("failures", Json::array())) {
            report.failures.push_back(
                {failure.at("what").get<std::string>(), failure.at("why").get<std::string>()}
            );
        }
        return report;
    } catch (const Json::exception& error) {
        throw std::runtime_error(error.what());
    }
}

BenchReport load_report(const std::filesystem::path& path) {
    const std::string text = read_file(path);
    try {
        return report_from_json(Json::parse(text));
    } catch (const std::exception& error) {
        throw std::runtime_error(
            fmt::format("{}: not a file of weft bench: {}", path.string(), error.what())
        );
    }
}

std::string short_number(double value) {
    constexpr std::array<double, 3> kBorders{9.995, 99.95, 999.5};  // where rounding adds a digit
    const double size = std::abs(value);
    const auto larger =
        std::ranges::count_if(kBorders, [&](double border) { return size >= border; });
    return fmt::format("{:.{}f}", value, 3 - static_cast<int>(larger));
}

std::string results_table(const std::vector<BenchResult>& results) {
    std::size_t width = std::string_view("workload/case").size();
    std::size_t metric_width = std::string_view("metric").size();
    for (const BenchResult& result : results) {
        width = std::max(width, result.full_name().size());
        metric_width = std::max(metric_width, result.metric.size());
    }
    const auto row = [&](auto&&... cells) {
        std::string line =
            fmt::format("  {:<{}}  {:>7}  {:<{}}  {:>9}  {:>19}  {:>6}  {:<8}  {}", cells...);
        line.erase(line.find_last_not_of(' ') + 1);
        return line + '\n';
    };
    std::string text =
        row("workload/case",
            width,
            "workers",
            "metric",
            metric_width,
            "median",
            "min..max",
            "MAD",
            "unit",
            "goal");
    for (const BenchResult& result : results) {
        const Summary summary = summarize(result.values);
        text +=
            row(one_line(result.full_name()),
                width,
                result.workers,
                one_line(result.metric),
                metric_width,
                short_number(summary.median),
                short_number(summary.least) + ".." + short_number(summary.most),
                summary.median != 0
                    ? fmt::format("{:.1f}%", 100 * summary.mad / std::abs(summary.median))
                    : "",
                one_line(result.unit),
                goal_text(result, summary.median));
    }
    return text;
}

std::string workers_text(int workers) {
    return fmt::format("{} worker{}", workers, workers == 1 ? "" : "s");
}

}  // namespace weft::tool
