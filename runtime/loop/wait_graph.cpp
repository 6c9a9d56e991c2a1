#include "loop/wait_graph.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "loop/dump.hpp"
#include "sched/scheduler.hpp"
#include "task/holders.hpp"
#include "task/report.hpp"

namespace weft::rt {
namespace {

constexpr int kDeepest = 8;  // gather() of gather() of ...
constexpr std::size_t kMostLines = 100;
constexpr std::uint64_t kHashFactor = 0x100000001B3ULL;  // FNV-1a

/// What somebody has, and gives back.
bool is_held(std::string_view what) noexcept {
    return what == "Lock.acquire" || what == "Semaphore.acquire";
}

}  // namespace

WaitGraph::WaitGraph(const void* runtime) {
    TaskWalk walk(runtime);
    while (auto keep = walk.next()) {
        const auto& task = static_cast<const TaskState&>(*keep);
        const std::uint64_t epoch = task.sleep.epoch();
        const char* const what = task.wait_what.load(relaxed);
        const void* const object = task.wait_object.load(relaxed);
        if (what != nullptr && task.sleep.asleep() && task.sleep.epoch() == epoch) {
            sleepers_.push_back({std::move(keep), &task, epoch, what, object, {}});
        }
    }
    std::sort(sleepers_.begin(), sleepers_.end(), [](const Sleeper& left, const Sleeper& right) {
        return left.task->id < right.task->id;
    });
    by_address_.reserve(sleepers_.size());
    for (std::size_t i = 0; i < sleepers_.size(); ++i) {
        const detail::FutureState* const future = sleepers_[i].task;
        by_address_.emplace_back(future, i);
    }
    std::sort(by_address_.begin(), by_address_.end());
    for (Sleeper& sleeper : sleepers_) {
        add_edges(sleeper);
    }
}

std::size_t WaitGraph::index_of(const detail::FutureState* future, std::uint64_t id) const {
    const std::pair<const void*, std::size_t> first(future, 0);
    const auto place = std::lower_bound(by_address_.begin(), by_address_.end(), first);
    if (place == by_address_.end() || place->first != future) {
        return kNobody;
    }
    return id == 0 || sleepers_[place->second].task->id == id ? place->second : kNobody;
}

void WaitGraph::add_edges(Sleeper& sleeper) {
    // A future that is awaited is kept by who awaits it: a task at its address is that task.
    const std::size_t awaited =
        index_of(static_cast<const detail::FutureState*>(sleeper.object), 0);
    if (awaited != kNobody && std::string_view(sleeper.what) == "future") {
        sleeper.edges.push_back({awaited, name_and_site(*sleepers_[awaited].task)});
        return;
    }
    add_edges_of(sleeper.object, sleeper, 0);
    lacks_holders_ = lacks_holders_ || (sleeper.edges.empty() && is_held(sleeper.what));
}

void WaitGraph::add_edges_of(const void* object, Sleeper& sleeper, int depth) {
    for (Holder& holder : holders_of(object)) {
        if (holder.task_id == 0 && holder.future != nullptr) {
            if (depth < kDeepest) {
                add_edges_of(holder.future, sleeper, depth + 1);
            }
            continue;
        }
        const std::size_t to =
            holder.task_id != 0 ? index_of(holder.future, holder.task_id) : kNobody;
        sleeper.edges.push_back({to, std::move(holder.text)});
    }
}

std::vector<WaitGraph::Cycle> WaitGraph::cycles() const {
    std::vector<Cycle> found;
    enum class Mark : std::uint8_t { New, OnPath, Done };
    std::vector<Mark> marks(sleepers_.size(), Mark::New);
    struct Step {
        std::size_t at;
        std::size_t next_edge;
    };
    for (std::size_t start = 0; start < sleepers_.size(); ++start) {
        std::vector<Step> path;
        if (marks[start] == Mark::New) {
            marks[start] = Mark::OnPath;
            path.push_back({start, 0});
        }
        while (!path.empty()) {
            Step& step = path.back();
            const auto& edges = sleepers_[step.at].edges;
            if (step.next_edge == edges.size()) {
                marks[step.at] = Mark::Done;
                path.pop_back();
                continue;
            }
            const std::size_t to = edges[step.next_edge++].to;
            if (to == kNobody || marks[to] == Mark::Done) {
                continue;
            }
            if (marks[to] == Mark::New) {
                marks[to] = Mark::OnPath;
                path.push_back({to, 0});
                continue;
            }
            const auto first = std::find_if(path.begin(), path.end(), [to](const Step& each) {
                return each.at == to;
            });
            Cycle cycle;
            std::for_each(first, path.end(), [&](const Step& each) { cycle.push_back(each.at); });
            found.push_back(std::move(cycle));
            // Whoever else leads into it is no cycle of its own.
            std::for_each(path.begin(), path.end(), [&](const Step& each) {
                marks[each.at] = Mark::Done;
            });
            path.clear();
        }
    }
    return found;
}

bool WaitGraph::holds() const noexcept {
    return std::all_of(sleepers_.begin(), sleepers_.end(), [](const Sleeper& sleeper) {
        return sleeper.task->sleep.epoch() == sleeper.epoch && sleeper.task->sleep.asleep();
    });
}

bool WaitGraph::holds(const Cycle& cycle) const noexcept {
    return std::all_of(cycle.begin(), cycle.end(), [this](std::size_t index) {
        const Sleeper& sleeper = sleepers_[index];
        return sleeper.task->sleep.epoch() == sleeper.epoch && sleeper.task->sleep.asleep();
    });
}

std::uint64_t WaitGraph::signature(const Cycle& cycle) const noexcept {
    std::uint64_t sum = 0;  // whichever it begins with
    for (const std::size_t index : cycle) {
        const Sleeper& sleeper = sleepers_[index];
        sum += (sleeper.task->id * kHashFactor ^ sleeper.epoch) * kHashFactor;
    }
    return sum;
}

std::uint64_t WaitGraph::signature() const noexcept {
    std::uint64_t sum = 0;
    for (const Sleeper& sleeper : sleepers_) {
        sum += (sleeper.task->id * kHashFactor ^ sleeper.epoch) * kHashFactor;
    }
    return sum;
}

std::string WaitGraph::describe(const Cycle& cycle) const {
    std::string text;
    for (std::size_t i = 0; i < cycle.size(); ++i) {
        const Sleeper& sleeper = sleepers_[cycle[i]];
        const TaskState& next = *sleepers_[cycle[(i + 1) % cycle.size()]].task;
        text += "    " + name_and_site(*sleeper.task) +
                " waits: " + describe_wait(sleeper.what, sleeper.object) + ", for task '" +
                next.display_name() + "'\n";
    }
    return text;
}

std::string WaitGraph::describe(const Sleeper& sleeper) const {
    constexpr std::size_t kMostNames = 4;
    std::string text = "    " + describe_task(*sleeper.task);
    const char* before = "  for ";
    for (std::size_t i = 0; i < std::min(sleeper.edges.size(), kMostNames); ++i) {
        const Edge& edge = sleeper.edges[i];
        text += before;
        text += edge.to != kNobody ? "task '" + sleepers_[edge.to].task->display_name() + "'"
                                   : edge.text + ", which does not wait";
        before = " and ";
    }
    if (sleeper.edges.size() > kMostNames) {
        text += " and " + std::to_string(sleeper.edges.size() - kMostNames) + " more";
    }
    return text + "\n";
}

std::string WaitGraph::describe() const {
    std::string text;
    for (std::size_t i = 0; i < std::min(sleepers_.size(), kMostLines); ++i) {
        text += describe(sleepers_[i]);
    }
    if (sleepers_.size() > kMostLines) {
        text += "    and " + std::to_string(sleepers_.size() - kMostLines) + " more\n";
    }
    return text;
}

}  // namespace weft::rt
