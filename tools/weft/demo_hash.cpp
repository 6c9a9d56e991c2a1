#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <limits>
#include <vector>
#include <weft/errors.hpp>
#include <weft/runtime.hpp>

#include "demo.hpp"
#include "output.hpp"
#include "subprocess.hpp"
#include "tree_hash.hpp"

namespace weft::tool {
namespace {

constexpr int kRounds = 3;
constexpr auto kReferenceTimeout = std::chrono::minutes(10);

/// What the system's own tools say. Reading every file, it also warms the page cache.
std::string reference_listing(const std::string& directory) {
    const Finished finished = run_process(
        {"/bin/sh",
         "-c",
         "LC_ALL=C; export LC_ALL; find \"$1\" -type f -print0 | sort -z | xargs -0 -r sha256sum "
         "--",
         "sh",
         directory},
        kReferenceTimeout
    );
    if (finished.timed_out) {
        throw RuntimeError("sha256sum was not done in time");
    }
    return finished.output;
}

/// Every width up to 8, then the powers of two, and all there is.
std::vector<int> widths_up_to(int widest) {
    constexpr int kEachUpTo = 8;
    std::vector<int> widths;
    for (int width = 1; width < widest; width += width < kEachUpTo ? 1 : width) {
        widths.push_back(width);
    }
    widths.push_back(widest);
    return widths;
}

struct Timing {
    int workers;
    double best_seconds = std::numeric_limits<double>::infinity();
};

Json width_report(const Timing& timing, const TreeHash& tree, double one_worker_seconds) {
    constexpr double kMega = 1e6;
    return {
        {"workers", timing.workers},
        {"seconds", timing.best_seconds},
        {"files_per_second", static_cast<double>(tree.files.size()) / timing.best_seconds},
        {"mb_per_second", static_cast<double>(tree.bytes) / kMega / timing.best_seconds},
        {"speed_up", one_worker_seconds / timing.best_seconds},
    };
}

}  // namespace

Json demo_hash(const std::string& directory) {
    const std::string reference = reference_listing(directory);
    std::vector<Timing> timings;
    for (const int width : widths_up_to(Runtime().workers())) {
        timings.push_back({width});
    }
    TreeHash tree;
    bool equal = true;
    // Round by round over all widths, so that a busy moment of the machine meets them alike.
    for (int round = 0; round < kRounds; ++round) {
        for (Timing& timing : timings) {
            const auto start = std::chrono::steady_clock::now();
            tree = hash_tree(directory, timing.workers);
            const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
            timing.best_seconds = std::min(timing.best_seconds, took.count());
            equal = equal && listing(tree) == reference;
        }
    }
    for (const std::string& problem : tree.problems) {
        complain("demo", problem);
    }
    Json widths = Json::array();
    for (const Timing& timing : timings) {
        widths.push_back(width_report(timing, tree, timings.front().best_seconds));
    }
    return {
        {"ok", equal},
        {"directory", directory},
        {"files", tree.files.size()},
        {"bytes", tree.bytes},
        {"unreadable", tree.problems.size()},
        {"equal_to_sha256sum", equal},
        {"rounds", kRounds},
        {"widths", std::move(widths)},
    };
}

std::string hash_table(const Json& part) {
    constexpr double kMega = 1e6;
    std::string text;
    const auto out = std::back_inserter(text);
    fmt::format_to(
        out,
        "hash: SHA-256 of {} files, {:.1f} MB, below {}; best of {} warm rounds\n\n"
        "  {:>7} {:>9} {:>9} {:>9} {:>9}\n",
        part.at("files").get<std::uint64_t>(),
        part.at("bytes").get<double>() / kMega,
        one_line(part.at("directory").get<std::string>()),
        part.at("rounds").get<int>(),
        "workers",
        "seconds",
        "files/s",
        "MB/s",
        "speed-up"
    );
    for (const Json& width : part.at("widths")) {
        fmt::format_to(
            out,
            "  {:>7} {:>9.3f} {:>9.0f} {:>9.1f} {:>9.2f}\n",
            width.at("workers").get<int>(),
            width.at("seconds").get<double>(),
            width.at("files_per_second").get<double>(),
            width.at("mb_per_second").get<double>(),
            width.at("speed_up").get<double>()
        );
    }
    fmt::format_to(
        out,
        "\n  the listings {} sha256sum's\n",
        part.at("equal_to_sha256sum").get<bool>() ? "equal" : "DIFFER from"
    );
    return text;
}

}  // namespace weft::tool
