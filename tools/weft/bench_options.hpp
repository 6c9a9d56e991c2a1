#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "worker_list.hpp"

namespace weft::tool {

/// What `weft bench run` and `weft bench sweep` have in common.
struct MeasureOptions {
    std::string workers;  ///< as given
    int repeats = 5;
    int timeout_seconds = 300;
    bool is_quick = false;
    bool oversubscribe = false;

    /// The numbers of workers.
    ///
    /// Errors    Misuse for more than `cpus` without --oversubscribe.
    [[nodiscard]] WorkerList worker_list(int cpus) const;
};

/// `without`: what --workers is when it is not given.
void add_measure_options(CLI::App& command, MeasureOptions& options, const std::string& without);

}  // namespace weft::tool
