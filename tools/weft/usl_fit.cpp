#include "usl_fit.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <set>

namespace weft::tool {
namespace {

using Points = std::vector<Capacity>;

struct Parameters {
    double alpha = 0;
    double beta = 0;
};

double law(const Parameters& law, double n) {
    return n / (1 + law.alpha * (n - 1) + law.beta * n * (n - 1));
}

double squares(const Points& points, const Parameters& parameters) {
    double sum = 0;
    for (const Capacity& point : points) {
        const double left = point.capacity - law(parameters, point.workers);
        sum += left * left;
    }
    return sum;
}

/// The equations of a step of least squares: the symmetric matrix and the right side.
struct Normal {
    double aa = 0;
    double ab = 0;
    double bb = 0;
    double a = 0;
    double b = 0;
};

Normal normal_equations(const Points& points, const Parameters& at) {
    Normal sum;
    for (const auto& [n, capacity] : points) {
        const double divisor = 1 + at.alpha * (n - 1) + at.beta * n * (n - 1);
        const double by_alpha = -n * (n - 1) / (divisor * divisor);
        const double by_beta = n * by_alpha;
        const double left = capacity - n / divisor;
        sum.aa += by_alpha * by_alpha;
        sum.ab += by_alpha * by_beta;
        sum.bb += by_beta * by_beta;
        sum.a += by_alpha * left;
        sum.b += by_beta * left;
    }
    return sum;
}

/// Which of the two may differ from 0.
struct Free {
    bool alpha;
    bool beta;
};

/// One step, the shorter the larger `damping` is (Levenberg, Marquardt).
Parameters step(const Normal& sum, const Parameters& from, Free free, double damping) {
    const double aa = sum.aa * (1 + damping);
    const double bb = sum.bb * (1 + damping);
    Parameters to = from;
    if (free.alpha && free.beta) {
        const double determinant = aa * bb - sum.ab * sum.ab;
        to.alpha += (sum.a * bb - sum.b * sum.ab) / determinant;
        to.beta += (sum.b * aa - sum.a * sum.ab) / determinant;
    } else if (free.alpha) {
        to.alpha += sum.a / aa;
    } else {
        to.beta += sum.b / bb;
    }
    return {std::max(to.alpha, 0.0), std::max(to.beta, 0.0)};
}

Parameters descend(const Points& points, Free free) {
    constexpr int kSteps = 500;
    constexpr double kSmallest = 1e-12;
    constexpr double kLargest = 1e12;
    Parameters best;
    double least = squares(points, best);
    double damping = 1e-3;
    for (int i = 0; i < kSteps && damping < kLargest; ++i) {
        const Parameters next = step(normal_equations(points, best), best, free, damping);
        const double sum = squares(points, next);
        if (std::isfinite(sum) && sum < least) {
            best = next;
            least = sum;
            damping = std::max(damping / 10, kSmallest);
        } else {
            damping *= 10;
        }
    }
    return best;
}

std::optional<double> peak_of(const Parameters& law) {
    if (law.alpha >= 1) {
        return 1;  // it falls from there on
    }
    if (law.beta <= 0) {
        return std::nullopt;
    }
    return std::max(1.0, std::sqrt((1 - law.alpha) / law.beta));
}

}  // namespace

double UslFit::at(double workers) const {
    return law({alpha, beta}, workers);
}

std::optional<UslFit> fit_usl(const std::vector<Capacity>& points) {
    constexpr std::size_t kFewest = 3;
    std::set<double> different;
    for (const Capacity& point : points) {
        different.insert(point.workers);
    }
    if (different.size() < kFewest) {
        return std::nullopt;
    }
    // A step that would leave the quarter plane ends at its border and may get stuck there: so each
    // border is a fit of its own. What fits no better with one more parameter has none.
    constexpr double kBetter = 1 - 1e-6;
    constexpr double kRounding = 1e-15;
    Parameters best;
    for (const Free free : {Free{true, false}, Free{false, true}, Free{true, true}}) {
        const Parameters found = descend(points, free);
        if (squares(points, found) < kBetter * squares(points, best) - kRounding) {
            best = found;
        }
    }
    const double mean = squares(points, best) / static_cast<double>(points.size());
    return UslFit{best.alpha, best.beta, std::sqrt(mean), peak_of(best)};
}

}  // namespace weft::tool
