#include "bench_options.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "bench.hpp"

namespace weft::tool {

WorkerList MeasureOptions::worker_list(int cpus) const {
    WorkerList list = parse_worker_list(workers, cpus);
    if (list.back() > cpus && !oversubscribe) {
        throw Misuse(fmt::format(
            "--workers {}: {} workers would share {} CPU{}; --oversubscribe lets them",
            workers,
            list.back(),
            cpus,
            cpus == 1 ? "" : "s"
        ));
    }
    return list;
}

void add_measure_options(CLI::App& command, MeasureOptions& options, const std::string& without) {
    constexpr int kRepeatsMax = 1000;
    constexpr int kTimeoutMax = 24 * 3600;
    const CLI::Validator list(
        [](const std::string& text) {
            try {
                static_cast<void>(parse_worker_list(text, 1));
                return std::string();
            } catch (const std::invalid_argument& error) {
                return std::string(error.what());
            }
        },
        "LIST"
    );
    command
        .add_option(
            "--workers", options.workers, "How many, as 4, 1..4, 1,2,4 or 1..N; without: " + without
        )
        ->option_text("LIST")
        ->check(list);
    command.add_option("--repeats", options.repeats, "How often each is run; without: 5")
        ->option_text("R")
        ->check(CLI::Range(1, kRepeatsMax));
    command
        .add_option(
            "--timeout", options.timeout_seconds, "When a run is given up; without: after 300 s"
        )
        ->option_text("S")
        ->check(CLI::Range(1, kTimeoutMax));
    command.add_flag("--quick", options.is_quick, "Little work: to see that it runs, not how fast");
    command.add_flag(
        "--oversubscribe", options.oversubscribe, "Allow more workers than there are CPUs"
    );
}

}  // namespace weft::tool
