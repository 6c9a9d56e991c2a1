#include "loop/wait_graph.hpp"

#include <algorithm>
#include <string_view>

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

/// The task in its record, if it is still the one that was seen there.
detail::Ref<detail::FutureState> keep(TaskState& record, std::uint64_t id) noexcept {
    if (!record.try_add_ref()) {
        return {};
    }
    auto kept = detail::Ref<detail::FutureState>::adopt(&record);
    return record.id == id ? std::move(kept) : detail::Ref<detail::FutureState>();
}

}  // namespace

WaitGraph::WaitGraph(const void* runtime) {
    TaskWalk walk(runtime);
    while (const auto kept = walk.next()) {
        auto& task = static_cast<TaskState&>(*kept);
        const auto epoch = task.sleep.sleep_seen();
        const char* const what = task.wait_what.load(acquire);
        const void* const object = task.wait_object.load(acquire);
        // What was read is of that sleep, or the word has gone on.
        if (epoch && what != nullptr && task.sleep.epoch() == *epoch) {
            sleepers_.push_back({&task, task.id, *epoch, what, object, kNobody});
        }
    }
    std::sort(sleepers_.begin(), sleepers_.end(), [](const Sleeper& left, const Sleeper& right) {
        return left.id < right.id;
    });
    for (std::size_t i = 0; i < sleepers_.size(); ++i) {
        const detail::FutureState* const future = sleepers_[i].task;
        by_record_[future] = i;
    }
    std::unordered_map<const void*, std::size_t> known;
    for (Sleeper& sleeper : sleepers_) {
        const auto [place, is_new] = known.try_emplace(sleeper.object, edges_.size());
        if (is_new) {
            Edges& edges = edges_.emplace_back();
            add_edges_of(sleeper.object, edges, 0);
            std::sort(edges.begin(), edges.end(), [](const Edge& left, const Edge& right) {
                return left.to < right.to;
            });
        }
        sleeper.edges = place->second;
        lacks_holders_ = lacks_holders_ || (edges_[sleeper.edges].empty() && is_held(sleeper.what));
    }
}

std::size_t WaitGraph::index_of(const void* future, std::uint64_t id) const noexcept {
    const auto place = by_record_.find(future);
    if (place == by_record_.end() || (id != 0 && sleepers_[place->second].id != id)) {
        return kNobody;
    }
    return place->second;
}

void WaitGraph::add_edges_of(const void* object, Edges& edges, int depth) {
    // What is awaited is kept by who awaits it: a task at its address is that task.
    if (const std::size_t awaited = index_of(object, 0); awaited != kNobody) {
        edges.push_back({awaited, false, ""});
        return;
    }
    for (Holder& holder : holders_of(object)) {
        if (holder.who != nullptr && holder.task_id == 0) {
            if (depth < kDeepest) {
                const std::size_t before = edges.size();
                add_edges_of(holder.who, edges, depth + 1);
                for (std::size_t i = before; i < edges.size(); ++i) {
                    edges[i].any = edges[i].any || holder.any;
                }
            }
            continue;
        }
        const std::size_t to = index_of(holder.who, holder.task_id);
        if (to == kNobody && holder.task_id != 0) {
            // SAFETY: who has a number is a task, and its record is never unmapped.
            auto& record = static_cast<TaskState&>(*const_cast<detail::FutureState*>(
                static_cast<const detail::FutureState*>(holder.who)
            ));
            const auto kept = keep(record, holder.task_id);
            const bool has_ended = !kept || kept->done();
            holder.text += has_ended ? ", which has ended" : ", which is not among these";
        }
        edges.push_back({to, holder.any, std::move(holder.text)});
    }
}

/// Those of whom it is known who can wake them, and that he waits, too: for all others there may be
/// somebody. Takes away, until nothing changes, who waits for one that has been taken away.
std::vector<bool> WaitGraph::stuck_for_sure() const {
    std::vector<std::vector<std::size_t>> waiters(edges_.size());     // of each object
    std::vector<std::vector<std::size_t>> objects(sleepers_.size());  // that a sleeper holds
    std::vector<bool> stuck(sleepers_.size(), true);
    std::vector<bool> ends(edges_.size(), false);  // somebody may end a wait for it
    std::vector<bool> any(edges_.size(), false);   // of its edges
    std::vector<std::size_t> left(
        edges_.size(), 0
    );  // of those who wait, and alone can end a wait for it
    std::vector<std::size_t> freed;
    const auto free_object = [&](std::size_t object) {
        if (!ends[object]) {
            ends[object] = true;
            for (const std::size_t waiter : waiters[object]) {
                stuck[waiter] = false;
                freed.push_back(waiter);
            }
        }
    };
    for (std::size_t i = 0; i < sleepers_.size(); ++i) {
        waiters[sleepers_[i].edges].push_back(i);
    }
    for (std::size_t object = 0; object < edges_.size(); ++object) {
        bool all_sleep = true;
        for (const Edge& edge : edges_[object]) {
            any[object] = any[object] || edge.any;
            all_sleep = all_sleep && edge.to != kNobody;
            if (edge.to != kNobody) {
                objects[edge.to].push_back(object);
                ++left[object];
            }
        }
        // Permits may also be given back by who has none.
        const bool has_permits =
            std::any_of(waiters[object].begin(), waiters[object].end(), [this](std::size_t waiter) {
                return std::string_view(sleepers_[waiter].what) == "Semaphore.acquire";
            });
        if (left[object] == 0 || has_permits || (any[object] && !all_sleep)) {
            free_object(object);
        }
    }
    while (!freed.empty()) {
        const std::size_t sleeper = freed.back();
        freed.pop_back();
        for (const std::size_t object : objects[sleeper]) {
            if (--left[object] == 0 || any[object]) {
                free_object(object);
            }
        }
    }
    return stuck;
}

std::vector<WaitGraph::Cycle> WaitGraph::cycles(bool for_sure) const {
    const std::vector<bool> counts =
        for_sure ? stuck_for_sure() : std::vector<bool>(sleepers_.size(), true);
    std::vector<Cycle> found;
    enum class Mark : std::uint8_t { New, OnPath, Done };
    std::vector<Mark> marks(sleepers_.size(), Mark::New);
    struct Step {
        std::size_t at;
        std::size_t next_edge;
    };
    std::vector<Step> path;
    for (std::size_t start = 0; start < sleepers_.size(); ++start) {
        if (marks[start] == Mark::New && counts[start]) {
            marks[start] = Mark::OnPath;
            path.push_back({start, 0});
        }
        while (!path.empty()) {
            Step& step = path.back();
            const Edges& edges = edges_[sleepers_[step.at].edges];
            if (step.next_edge == edges.size()) {
                marks[step.at] = Mark::Done;
                path.pop_back();
                continue;
            }
            const std::size_t to = edges[step.next_edge++].to;
            if (to == kNobody || !counts[to] || marks[to] == Mark::Done) {
                continue;
            }
            if (marks[to] == Mark::New) {
                marks[to] = Mark::OnPath;
                path.push_back({to, 0});
                continue;
            }
            // Its tasks are told of; who leads into it may be in another.
            Cycle cycle;
            do {
                cycle.push_back(path.back().at);
                marks[path.back().at] = Mark::Done;
                path.pop_back();
            } while (cycle.back() != to);
            std::reverse(cycle.begin(), cycle.end());
            std::rotate(cycle.begin(), std::min_element(cycle.begin(), cycle.end()), cycle.end());
            found.push_back(std::move(cycle));
        }
    }
    return found;
}

bool WaitGraph::holds(const Sleeper& sleeper) noexcept {
    return sleeper.task->sleep.sleep_seen() == sleeper.epoch;
}

bool WaitGraph::holds() const noexcept {
    return std::all_of(sleepers_.begin(), sleepers_.end(), [](const Sleeper& sleeper) {
        return holds(sleeper);
    });
}

bool WaitGraph::holds(const Cycle& cycle) const noexcept {
    return std::all_of(cycle.begin(), cycle.end(), [this](std::size_t index) {
        return holds(sleepers_[index]);
    });
}

/// To be added up: it does not matter whom one begins with.
std::uint64_t WaitGraph::signature(const Sleeper& sleeper) noexcept {
    return (sleeper.id * kHashFactor ^ sleeper.epoch) * kHashFactor;
}

std::uint64_t WaitGraph::signature() const noexcept {
    std::uint64_t sum = 0;
    for (const Sleeper& sleeper : sleepers_) {
        sum += signature(sleeper);
    }
    return sum;
}

std::uint64_t WaitGraph::signature(const Cycle& cycle) const noexcept {
    std::uint64_t sum = 0;
    for (const std::size_t index : cycle) {
        sum += signature(sleepers_[index]);
    }
    return sum;
}

std::string WaitGraph::name_of(const Sleeper& sleeper, bool with_site) const {
    const auto kept = keep(*sleeper.task, sleeper.id);
    if (!kept) {
        return "a task that has ended";
    }
    return with_site ? name_and_site(*sleeper.task) : "task '" + sleeper.task->display_name() + "'";
}

std::string WaitGraph::describe(const Cycle& cycle) const {
    std::string text;
    for (std::size_t i = 0; i < cycle.size(); ++i) {
        const Sleeper& sleeper = sleepers_[cycle[i]];
        const std::size_t next = cycle[(i + 1) % cycle.size()];
        text += "    " + name_of(sleeper, true) +
                " waits: " + describe_wait(sleeper.what, sleeper.object) + ", for " +
                (next == cycle[i] ? "itself" : name_of(sleepers_[next], false)) + "\n";
    }
    return text;
}

std::string WaitGraph::describe(const Sleeper& sleeper) const {
    constexpr std::size_t kMostNames = 4;
    const auto kept = keep(*sleeper.task, sleeper.id);
    std::string text = "    " + (kept ? describe_task(*sleeper.task) : "a task that has ended");
    const Edges& edges = edges_[sleeper.edges];
    const char* before = "  for ";
    for (std::size_t i = 0; i < std::min(edges.size(), kMostNames); ++i) {
        text += before;
        text += edges[i].to != kNobody ? name_of(sleepers_[edges[i].to], false) : edges[i].text;
        before = " and ";
    }
    if (edges.size() > kMostNames) {
        text += " and " + std::to_string(edges.size() - kMostNames) + " more";
    }
    return text + "\n";
}

std::string WaitGraph::describe_cycles() const {
    std::string text;
    for (const Cycle& cycle : cycles(false)) {
        text += "  these wait for one another:\n" + describe(cycle);
    }
    return text;
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
