#include "loop/dump.hpp"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "sched/scheduler.hpp"
#include "task/record_pool.hpp"
#include "task/report.hpp"

namespace weft::rt {
namespace {

struct Line {
    std::uint64_t id;
    std::string text;
};

std::string state_of(const TaskState& task) {
    auto& scheduler = static_cast<Worker&>(*task.loop()).scheduler();
    for (int i = 0; i < scheduler.width(); ++i) {
        if (scheduler.worker(i).current == &task) {
            return "running on loop " + std::to_string(i);
        }
    }
    const char* const what = task.wait_what.load(relaxed);
    if (!task.sleep.asleep() || what == nullptr) {
        return "ready";
    }
    return "waiting: " + describe_wait(what, task.wait_object.load(relaxed));
}

}  // namespace

std::string describe_wait(const char* what, const void* object) {
    if (object == nullptr) {
        return what;
    }
    char address[32];
    std::snprintf(address, sizeof address, " @%p", object);
    return std::string(what) + address;
}

std::string describe_task(const TaskState& task) {
    const auto& home = static_cast<const Worker&>(*task.loop());
    return task.display_name() + "  " +
           (task.pinned() ? "pinned to loop " + std::to_string(home.index()) : "stealable") + "  " +
           state_of(task) + "  " + site_of(task) +
           (task.cancel_requests.load(relaxed) != 0 ? "  (cancelling)" : "");
}

std::string describe_running(const Carrier& carrier) {
    TaskState* const task = carrier.current;
    if (task == nullptr) {
        return "a callback";
    }
    // Records are never unmapped; with a reference it is one task, at worst one that came after.
    if (!task->try_add_ref()) {
        return "a task that has just ended";
    }
    const auto keep = detail::Ref<detail::FutureState>::adopt(task);
    return name_and_site(*task);
}

std::string dump_tasks(const void* runtime) {
    std::vector<Line> lines;
    for_each_task([&](TaskState& task) {
        if (runtime == nullptr || task.loop()->runtime() == runtime) {
            lines.push_back({task.id, describe_task(task)});
        }
    });
    std::sort(lines.begin(), lines.end(), [](const Line& left, const Line& right) {
        return left.id < right.id;
    });
    std::string text = std::to_string(lines.size()) + " tasks\n";
    for (const Line& line : lines) {
        text += "  " + line.text + "\n";
    }
    return text;
}

}  // namespace weft::rt
