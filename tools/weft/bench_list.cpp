#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>

#include "bench.hpp"
#include "output.hpp"
#include "worker_list.hpp"
#include "workload_catalog.hpp"

namespace weft::tool {
namespace {

std::string list_text(const std::vector<Workload>& catalog) {
    std::size_t width = 0;
    for (const Workload& workload : catalog) {
        for (const WorkloadCase& one : workload.cases) {
            width = std::max(width, one.full_name().size());
        }
    }
    std::string text;
    for (const Workload& workload : catalog) {
        text += fmt::format(
            "{}{}: {}{}\n",
            text.empty() ? "" : "\n",
            workload.name,
            workload.what,
            workload.unit.empty() ? "" : fmt::format(" [{}]", workload.unit)
        );
        for (const WorkloadCase& one : workload.cases) {
            std::string sizes;
            for (const auto& [name, value] : one.sizes) {
                sizes += fmt::format(" {}={}", name, value);
            }
            text += fmt::format(
                "  {:<{}}  workers {:<6} {}\n",
                one.full_name(),
                width,
                format_worker_list(one.workers),
                sizes
            );
        }
    }
    return text.empty() ? "this tool was built without workloads\n" : text;
}

}  // namespace

Command add_bench_list(CLI::App& bench) {
    CLI::App* const command =
        bench.add_subcommand("list", "Print the workloads, their cases and what they measure");
    return {command, [] { return print(list_text(workload_catalog())) ? kDone : kFailed; }};
}

}  // namespace weft::tool
