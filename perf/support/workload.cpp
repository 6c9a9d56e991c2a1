#include "support/workload.hpp"

#include <weft/task.hpp>

namespace weft::perf {
namespace {

std::map<std::string, RunWorkload, std::less<>>& all() {
    static std::map<std::string, RunWorkload, std::less<>> added;
    return added;
}

}  // namespace

void WorkloadRun::in_runtime(const std::function<void()>& body) {
    Runtime runtime(options);
    runtime.run([&] { body(); });
    if (look) {
        look(runtime);
    }
}

void WorkloadRun::in_stealable_task(const std::function<void()>& body) {
    in_runtime([&] { await(spawn([&] { body(); })); });
}

bool add_workload(std::string_view name, RunWorkload run) {
    all().emplace(name, run);
    return true;
}

const std::map<std::string, RunWorkload, std::less<>>& workloads() {
    return all();
}

}  // namespace weft::perf
