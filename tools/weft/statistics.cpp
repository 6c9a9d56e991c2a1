#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace weft::tool {
namespace {

constexpr std::size_t kExactUpTo = 40;

/// Ranks from 1, doubled: values that are equal share the mean of theirs, which may be a half.
struct Ranks {
    std::vector<std::size_t> doubled;  // of a's values, then of b's
    double tie_term = 0;               // the sum of t^3 - t over the groups of t equal values
};

Ranks rank_all(const std::vector<double>& a, const std::vector<double>& b) {
    std::vector<double> values(a);
    values.insert(values.end(), b.begin(), b.end());
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t one, std::size_t other) {
        return values[one] < values[other];
    });
    Ranks ranks{std::vector<std::size_t>(values.size())};
    for (std::size_t begin = 0; begin < order.size();) {
        std::size_t end = begin;
        while (end < order.size() && values[order[end]] == values[order[begin]]) {
            ++end;
        }
        for (std::size_t i = begin; i < end; ++i) {
            ranks.doubled[order[i]] = begin + 1 + end;  // (begin + 1 + end) / 2, twice
        }
        const auto equal = static_cast<double>(end - begin);
        ranks.tie_term += equal * equal * equal - equal;
        begin = end;
    }
    return ranks;
}

/// Counts the ways to choose `size` of the ranks by their sum, and compares with how far from the
/// middle `sum` is.
double exact_p(const Ranks& ranks, std::size_t size, std::size_t sum) {
    const std::size_t all =
        std::accumulate(ranks.doubled.begin(), ranks.doubled.end(), std::size_t{0});
    // ways[k][s]: how many choices of k ranks add up to s
    std::vector<std::vector<double>> ways(size + 1, std::vector<double>(all + 1, 0));
    ways[0][0] = 1;
    for (const std::size_t rank : ranks.doubled) {
        for (std::size_t k = size; k-- > 0;) {
            for (std::size_t s = all + 1 - rank; s-- > 0;) {
                ways[k + 1][s + rank] += ways[k][s];
            }
        }
    }
    const double middle = static_cast<double>(all) * static_cast<double>(size) /
                          static_cast<double>(ranks.doubled.size());
    constexpr double kRounding = 1e-9;
    const double distance = std::abs(static_cast<double>(sum) - middle) - kRounding;
    double total = 0;
    double as_far = 0;
    for (std::size_t s = 0; s <= all; ++s) {
        total += ways[size][s];
        as_far += std::abs(static_cast<double>(s) - middle) >= distance ? ways[size][s] : 0;
    }
    return as_far / total;
}

double normal_p(const Ranks& ranks, std::size_t size, std::size_t sum) {
    const auto n = static_cast<double>(size);
    const auto count = static_cast<double>(ranks.doubled.size());
    const double m = count - n;
    const double u = static_cast<double>(sum) / 2 - n * (n + 1) / 2;
    const double variance = n * m / 12 * (count + 1 - ranks.tie_term / (count * (count - 1)));
    if (variance <= 0) {
        return 1;  // all are equal
    }
    const double distance = std::max(std::abs(u - n * m / 2) - 0.5, 0.0);  // continuity
    return std::erfc(distance / std::sqrt(2 * variance));
}

}  // namespace

double median(std::vector<double> values) {
    if (values.empty()) {
        return 0;
    }
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 != 0 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

Summary summarize(const std::vector<double>& values) {
    if (values.empty()) {
        return {};
    }
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    Summary summary{values.size(), median(values), *least, *most};
    std::vector<double> distances;
    distances.reserve(values.size());
    for (const double value : values) {
        distances.push_back(std::abs(value - summary.median));
    }
    summary.mad = median(std::move(distances));
    return summary;
}

double mann_whitney_p(const std::vector<double>& a, const std::vector<double>& b) {
    if (a.empty() || b.empty()) {
        return 1;
    }
    const Ranks ranks = rank_all(a, b);
    const auto end = ranks.doubled.begin() + static_cast<std::ptrdiff_t>(a.size());
    const std::size_t sum = std::accumulate(ranks.doubled.begin(), end, std::size_t{0});
    return ranks.doubled.size() <= kExactUpTo ? exact_p(ranks, a.size(), sum)
                                              : normal_p(ranks, a.size(), sum);
}

double mann_whitney_least_p(std::size_t a, std::size_t b) {
    std::vector<double> low(a, 0);
    std::vector<double> high(b, 0);
    std::iota(low.begin(), low.end(), 0.0);
    std::iota(high.begin(), high.end(), static_cast<double>(a));
    return mann_whitney_p(low, high);
}

}  // namespace weft::tool
