#pragma once

#include <optional>
#include <vector>

namespace weft::tool {

/// What N workers do in the time in which one does 1.
struct Capacity {
    double workers;
    double capacity;
};

/// The universal scalability law, C(N) = N / (1 + alpha (N - 1) + beta N (N - 1)): alpha is the share
/// of the work that is done one after the other, beta what it costs that each agrees with each.
struct UslFit {
    double alpha = 0;
    double beta = 0;
    double residual = 0;         ///< the root of the mean square of what is left, in units of C
    std::optional<double> peak;  ///< N*, where C is largest; nothing where it never falls

    [[nodiscard]] double at(double workers) const;
};

/// Finds the alpha and beta, neither below 0, with the least squares of what is left. Nothing where
/// there are fewer than three numbers of workers.
[[nodiscard]] std::optional<UslFit> fit_usl(const std::vector<Capacity>& points);

}  // namespace weft::tool
