#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>
#include <weft/detail/future_state.hpp>

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
    /// Cycles that have no task in common; those that there is more than one way to see, once.
    [[nodiscard]] std::vector<Cycle> cycles() const;

    /// Whether none of the tasks has gone on since.
    [[nodiscard]] bool holds() const noexcept;
    [[nodiscard]] bool holds(const Cycle& cycle) const noexcept;
    /// Differs from that of any other sleep of the same tasks.
    [[nodiscard]] std::uint64_t signature(const Cycle& cycle) const noexcept;
    [[nodiscard]] std::uint64_t signature() const noexcept;

    [[nodiscard]] std::size_t size() const noexcept { return sleepers_.size(); }
    /// A line for each of the cycle: "task 'a' spawned at f.cpp:3 waits: Lock.acquire @0x7f10, for task 'b' ...".
    [[nodiscard]] std::string describe(const Cycle& cycle) const;
    /// A line for each task, oldest first, with those it waits for; of very many, the first.
    [[nodiscard]] std::string describe() const;
    /// Whether a wait is for something that somebody may hold, and nobody has said so.
    [[nodiscard]] bool lacks_holders() const noexcept { return lacks_holders_; }

private:
    struct Edge {
        std::size_t to;    // kNobody: one who does not sleep, or no task
        std::string text;  // who
    };
    struct Sleeper {
        detail::Ref<detail::FutureState> keep;
        const TaskState* task;
        std::uint64_t epoch;
        const char* what;
        const void* object;
        std::vector<Edge> edges;
    };
    static constexpr std::size_t kNobody = ~std::size_t{0};

    void add_edges(Sleeper& sleeper);
    void add_edges_of(const void* object, Sleeper& sleeper, int depth);
    [[nodiscard]] std::size_t index_of(const detail::FutureState* future, std::uint64_t id) const;
    [[nodiscard]] std::string describe(const Sleeper& sleeper) const;

    std::vector<Sleeper> sleepers_;                                // oldest first
    std::vector<std::pair<const void*, std::size_t>> by_address_;  // sorted
    bool lacks_holders_ = false;
};

}  // namespace weft::rt
