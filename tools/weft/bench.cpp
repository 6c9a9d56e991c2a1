#include "bench.hpp"

#include <array>

#include "output.hpp"

// weft bench: the workloads of perf/workload, measured, compared, and swept over numbers of workers.

namespace weft::tool {

Command add_bench(CLI::App& app) {
    CLI::App* const bench = app.add_subcommand("bench", "Measure weft, and compare measurements");
    bench->require_subcommand(0, 1);  // that there is one is checked below
    const std::array commands{
        add_bench_list(*bench),
        add_bench_run(*bench),
        add_bench_compare(*bench),
        add_bench_sweep(*bench),
        add_bench_one(*bench),
    };
    return {bench, [commands] {
                for (const Command& command : commands) {
                    if (!command.app->parsed()) {
                        continue;
                    }
                    try {
                        return command.run();
                    } catch (const Misuse& error) {
                        complain("bench " + command.app->get_name(), error.what());
                        return kMisused;
                    }
                }
                complain(
                    "bench",
                    "a sub-command is missing: list, run, compare or sweep; see weft bench --help"
                );
                return kMisused;
            }};
}

}  // namespace weft::tool
