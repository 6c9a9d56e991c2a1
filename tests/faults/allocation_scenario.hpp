#pragma once

#include <exception>
#include <stdexcept>
#include <string_view>
#include <vector>
#include <weft/runtime.hpp>

#include "failing_memory.hpp"

// What the sweep of tests/faults/allocation_sweep_test.cpp runs: small programs of which each request
// for memory is refused in turn.

namespace weft::test {

/// An error that a scenario throws itself.
class PlannedError : public std::runtime_error {
public:
    PlannedError() : std::runtime_error("planned") {}
};

/// One run of a scenario, with some of its requests for memory refused, or with none.
///
/// What is wrong is noted without asking for memory, by the first who notes something.
///
/// Threads   note() any; the others belong to who runs the scenario.
class Trial {
public:
    Trial(int loops, Refusals refusals) : loops_(loops), refusals_(refusals) {}
    Trial(const Trial&) = delete;
    Trial& operator=(const Trial&) = delete;
    ~Trial() = default;

    /// Runs `function` while memory is refused. Then there is memory again, every other task of the
    /// runtime has come to rest, and those that still wait are cancelled and have ended. Tasks may
    /// refer to what was made before act().
    ///
    /// It may throw std::bad_alloc, or a group of it; anything else is noted. So is a task that still
    /// waits after it has returned.
    template <class F>
    void act(F&& function) {
        std::exception_ptr error;
        refuse_memory(refusals_);
        try {
            function();
        } catch (...) {
            error = std::current_exception();
        }
        count_ = allow_memory();
        end_act(error);
    }

    /// Notes what is wrong unless `holds`.
    void expect(bool holds, const char* what) noexcept {
        if (!holds) {
            note(what, {});
        }
    }

    /// Looks at an error that came out somewhere: in place of memory it may be std::bad_alloc, what a
    /// refused thread gives, or a group of them.
    void look_at(const std::exception_ptr& error, const char* where) noexcept;
    static void note(std::string_view what, std::string_view detail) noexcept;

    /// Whether act() threw.
    [[nodiscard]] bool failed() const noexcept { return failed_; }
    [[nodiscard]] const MemoryCount& count() const noexcept { return count_; }
    /// How many loops a runtime is to have.
    [[nodiscard]] RuntimeOptions options() const;
    [[nodiscard]] int loops() const noexcept { return loops_; }

private:
    void end_act(const std::exception_ptr& error);

    int loops_;
    Refusals refusals_;
    MemoryCount count_;
    bool failed_ = false;
};

/// The first that was noted since it was last taken; empty when nothing was.
[[nodiscard]] std::string_view noted() noexcept;
void forget_notes() noexcept;
/// Errors that came to the exception handler since forget_notes().
[[nodiscard]] int reports() noexcept;
/// Counts what comes to the runtime's exception handler, and looks at it.
void watch_reports(Runtime& runtime);

/// Where a scenario is run.
enum class Stage { Task, Thread };

struct Scenario {
    const char* name;
    void (*run)(Trial& trial);
    Stage stage = Stage::Task;
};
using Scenarios = std::vector<Scenario>;

[[nodiscard]] Scenarios task_scenarios();
[[nodiscard]] Scenarios scope_scenarios();
[[nodiscard]] Scenarios sync_scenarios();
[[nodiscard]] Scenarios queue_scenarios();
[[nodiscard]] Scenarios stream_scenarios();
[[nodiscard]] Scenarios runtime_scenarios();
/// Each has one fault, for the sweep to find.
[[nodiscard]] Scenarios planted_scenarios();

/// All but the planted ones.
[[nodiscard]] const Scenarios& all_scenarios();

}  // namespace weft::test
