#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <string>

#include "bench.hpp"
#include "bench_comparison.hpp"
#include "fingerprint.hpp"
#include "output.hpp"

namespace weft::tool {
namespace {

struct CompareOptions {
    std::string a;
    std::string b;
    std::string threshold = "5%";
};

/// Exit code 1 is for what has become slower.
BenchReport understood(const std::string& path) {
    try {
        return load_report(path);
    } catch (const std::exception& error) {
        throw Misuse(error.what());
    }
}

std::string described(const char* name, const std::string& path, const BenchReport& report) {
    const auto entry = [&](const char* key) {
        return one_line(fingerprint_value(report.fingerprint.value(key, Json("unknown"))));
    };
    return fmt::format(
        "  {}  {}: weft {}, commit {}, {}\n",
        name,
        one_line(path),
        entry("weft"),
        entry("commit"),
        entry("date")
    );
}

int compare_files(const CompareOptions& options) {
    const BenchReport a = understood(options.a);
    const BenchReport b = understood(options.b);
    const double limit = parse_percent(options.threshold).value_or(0);
    const auto compared = compare_reports(a, b, limit);
    std::string text = described("A", options.a, a) + described("B", options.b, b);
    for (const std::string& warning : comparison_warnings(a, b)) {
        text += fmt::format("  warning: {}\n", one_line(warning));
    }
    const auto count = [&](Verdict verdict) {
        return std::ranges::count(compared, verdict, &ComparedResult::verdict);
    };
    const auto slower = count(Verdict::Slower);
    text += fmt::format(
        "\n{}\n  {} slower, {} faster by more than {:.3g}% with p < {} (Mann-Whitney U, "
        "two-sided); "
        "{} of {} without a difference\n",
        comparison_table(compared),
        slower,
        count(Verdict::Faster),
        100 * limit,
        kSignificantP,
        count(Verdict::Same) + count(Verdict::WithinLimit),
        compared.size()
    );
    return print(text) && slower == 0 ? kDone : kFailed;
}

}  // namespace

Command add_bench_compare(CLI::App& bench) {
    auto options = std::make_shared<CompareOptions>();
    CLI::App* const command = bench.add_subcommand(
        "compare", "Compare two files of `weft bench run` or `sweep`; exit code 1 if B is slower"
    );
    command->add_option("A", options->a, "What to compare with")
        ->option_text(" ")
        ->required()
        ->check(CLI::ExistingFile);
    command->add_option("B", options->b, "What is compared")
        ->option_text(" ")
        ->required()
        ->check(CLI::ExistingFile);
    const CLI::Validator percent(
        [](const std::string& text) {
            return parse_percent(text).has_value()
                       ? std::string()
                       : fmt::format("'{}' is no percentage from 0 to 1000, as 5%", text);
        },
        "PERCENT"
    );
    command->add_option("--threshold", options->threshold, "What difference matters; without: 5%")
        ->option_text("PERCENT")
        ->check(percent);
    return {command, [options] { return compare_files(*options); }};
}

}  // namespace weft::tool
