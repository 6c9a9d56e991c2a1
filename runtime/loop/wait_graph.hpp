#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "task/task_state.hpp"

namespace weft::rt {

/// Which tasks sleep at a moment, and for whom. Looks at records only, and at nothing that a task waits
/// for: that may be gone at any time. Whose wait is told from what holders say (task/holders).
///
/// Threads   any, also while tasks run: then part of what it says may be over, see holds().
class WaitGraph {
public:
    /// Of one runtime, or (null) of all; the caller keeps the loops. Throws std::bad_alloc.
    explicit WaitGraph(const void* runtime);

    /// Indices of tasks each of which waits for the next, and the last for the first.
    using Cycle = std::vector<std::size_t>;
    /// Cycles that have no task in common, out of what may be more. `for_sure`: only of tasks that nobody
    /// can wake who does not wait for them himself; else also of those who wait for several, of whom one
    /// may go on.
    [[nodiscard]] std::vector<Cycle> cycles(bool for_sure) const;

    /// Whether none of the tasks has gone on since.
    [[nodiscard]] bool holds() const noexcept;
    [[nodiscard]] bool holds(const Cycle& cycle) const noexcept;
    /// Differs from that of any other sleep of the same tasks.
    [[nodiscard]] std::uint64_t signature(const Cycle& cycle) const noexcept;
    [[nodiscard]] std::uint64_t signature() const noexcept;

    [[nodiscard]] std::size_t size() const noexcept { return sleepers_.size(); }
    /// A line for each of the cycle: "task 'a' spawned at f.cpp:3 waits: Lock.acquire @0x7f10, for task 'b'".
    [[nodiscard]] std::string describe(const Cycle& cycle) const;
    /// All cycles, with a heading; empty when there is none.
    [[nodiscard]] std::string describe_cycles() const;
    /// A line for each task, oldest first, with those it waits for; of very many, the first.
    [[nodiscard]] std::string describe() const;
    /// Whether a wait is for something that somebody may hold, and nobody has said so.
    [[nodiscard]] bool lacks_holders() const noexcept { return lacks_holders_; }

private:
    static constexpr std::size_t kNobody = ~std::size_t{0};

    struct Edge {
        std::size_t to;    // kNobody: one who does not sleep, or no task
        bool any;          // one of several, each of whom can end the wait
        std::string text;  // who has something, where `to` does not say it
    };
    struct Sleeper {
        TaskState* task;  // only a record: it may be another's by now
        std::uint64_t id;
        std::uint64_t epoch;
        const char* what;
        const void* object;
        std::size_t edges;  // in edges_
    };
    using Edges = std::vector<Edge>;

    void add_edges_of(const void* object, Edges& edges, int depth);
    [[nodiscard]] std::size_t index_of(const void* future, std::uint64_t id) const noexcept;
    [[nodiscard]] std::vector<bool> stuck_for_sure() const;
    [[nodiscard]] static bool holds(const Sleeper& sleeper) noexcept;
    [[nodiscard]] static std::uint64_t signature(const Sleeper& sleeper) noexcept;
    [[nodiscard]] std::string name_of(const Sleeper& sleeper, bool with_site) const;
    [[nodiscard]] std::string describe(const Sleeper& sleeper) const;

    std::vector<Sleeper> sleepers_;                           // oldest first
    std::unordered_map<const void*, std::size_t> by_record_;  // the index of a task's FutureState
    std::vector<Edges> edges_;                                // of each object that is waited for
    bool lacks_holders_ = false;
};

}  // namespace weft::rt
