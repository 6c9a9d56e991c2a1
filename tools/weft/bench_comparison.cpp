#include "bench_comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "fingerprint.hpp"
#include "output.hpp"
#include "statistics.hpp"

namespace weft::tool {
namespace {

Verdict judge(const ComparedResult& compared, std::size_t of_a, std::size_t of_b, double limit) {
    if (mann_whitney_least_p(of_a, of_b) >= kSignificantP) {
        return Verdict::TooFew;
    }
    if (compared.p >= kSignificantP || compared.a == compared.b) {
        return Verdict::Same;
    }
    const bool is_more = compared.b > compared.a;
    // As many times in one direction as in the other: 2.0 and 0.5 are equally far from 1.
    const double least = std::min(std::abs(compared.a), std::abs(compared.b));
    const double most = std::max(std::abs(compared.a), std::abs(compared.b));
    if (least > 0 && most / least <= 1 + limit) {
        return Verdict::WithinLimit;
    }
    return is_more == more_is_better(compared.unit) ? Verdict::Faster : Verdict::Slower;
}

ComparedResult alone(const BenchResult& result, Verdict verdict) {
    ComparedResult compared{result.full_name(), result.workers, result.metric, result.unit};
    (verdict == Verdict::OnlyInA ? compared.a : compared.b) = median(result.values);
    compared.verdict = verdict;
    return compared;
}

const char* verdict_text(Verdict verdict) {
    switch (verdict) {
        case Verdict::Same:
            return "no difference";
        case Verdict::WithinLimit:
            return "within the threshold";
        case Verdict::Faster:
            return "faster";
        case Verdict::Slower:
            return "SLOWER";
        case Verdict::TooFew:
            return "too few runs to tell";
        case Verdict::OnlyInA:
            return "only in A";
        case Verdict::OnlyInB:
            return "only in B";
    }
    return "";
}

}  // namespace

std::vector<ComparedResult> compare_reports(
    const BenchReport& a, const BenchReport& b, double limit
) {
    std::vector<ComparedResult> all;
    const auto in = [](const BenchReport& report, const BenchResult& wanted) {
        return std::ranges::find_if(report.results, [&](const BenchResult& result) {
            return result.is_same_as(wanted);
        });
    };
    for (const BenchResult& of_a : a.results) {
        const auto of_b = in(b, of_a);
        if (of_b == b.results.end()) {
            all.push_back(alone(of_a, Verdict::OnlyInA));
            continue;
        }
        ComparedResult compared{of_a.full_name(), of_a.workers, of_a.metric, of_a.unit};
        compared.a = median(of_a.values);
        compared.b = median(of_b->values);
        compared.ratio = compared.a != 0 ? compared.b / compared.a : 0;
        compared.p = mann_whitney_p(of_a.values, of_b->values);
        compared.verdict = judge(compared, of_a.values.size(), of_b->values.size(), limit);
        all.push_back(std::move(compared));
    }
    for (const BenchResult& of_b : b.results) {
        if (in(a, of_b) == a.results.end()) {
            all.push_back(alone(of_b, Verdict::OnlyInB));
        }
    }
    return all;
}

std::string comparison_table(const std::vector<ComparedResult>& compared) {
    std::size_t name_width = std::string_view("workload/case").size();
    std::size_t metric_width = std::string_view("metric").size();
    for (const ComparedResult& one : compared) {
        name_width = std::max(name_width, one.name.size());
        metric_width = std::max(metric_width, one.metric.size());
    }
    const auto row = [&](auto&&... cells) {
        return fmt::format(
            "  {:<{}}  {:>7}  {:<{}}  {:>9}  {:>9}  {:<8}  {:>6}  {:>6}  {}\n", cells...
        );
    };
    std::string text =
        row("workload/case",
            name_width,
            "workers",
            "metric",
            metric_width,
            "A",
            "B",
            "unit",
            "B/A",
            "p",
            "verdict");
    for (const ComparedResult& one : compared) {
        const bool in_a = one.verdict != Verdict::OnlyInB;
        const bool in_b = one.verdict != Verdict::OnlyInA;
        text +=
            row(one_line(one.name),
                name_width,
                one.workers,
                one_line(one.metric),
                metric_width,
                in_a ? short_number(one.a) : "",
                in_b ? short_number(one.b) : "",
                one_line(one.unit),
                in_a && in_b && one.a != 0 ? fmt::format("{:.3f}", one.ratio) : "",
                in_a && in_b ? fmt::format("{:.3f}", one.p) : "",
                verdict_text(one.verdict));
    }
    return text;
}

std::vector<std::string> comparison_warnings(const BenchReport& a, const BenchReport& b) {
    std::vector<std::string> warnings;
    for (const Difference& one : fingerprint_differences(a.fingerprint, b.fingerprint)) {
        warnings.push_back(fmt::format("{} differs: '{}' and '{}'", one.name, one.a, one.b));
    }
    if (a.is_quick != b.is_quick) {
        warnings.push_back(fmt::format("only {} is of --quick", a.is_quick ? "A" : "B"));
    }
    for (const BenchReport* report : {&a, &b}) {
        for (const BenchFailure& failure : report->failures) {
            warnings.push_back(fmt::format(
                "in {} this failed: {}: {}", report == &a ? "A" : "B", failure.what, failure.why
            ));
        }
    }
    return warnings;
}

std::optional<double> parse_percent(const std::string& text) {
    constexpr double kMost = 1000;
    constexpr double kHundred = 100;
    const char* const begin = text.c_str();
    char* end = nullptr;
    const double value = std::strtod(begin, &end);
    if (end == begin || !(value >= 0 && value <= kMost)) {
        return std::nullopt;
    }
    const std::string_view rest(end);
    return rest.empty() || rest == "%" ? std::optional(value / kHundred) : std::nullopt;
}

}  // namespace weft::tool
