#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>
#include <weft/context.hpp>
#include <weft/handle.hpp>
#include <weft/task_group.hpp>
#include <weft/timeout.hpp>

#include "things.hpp"
#include "waitable.hpp"
#include "waits.hpp"

namespace weft::conformance {

/// Runs one program of scenario.md over weft's public API; the counterpart of run_asyncio.py.
///
/// With stealable tasks its steps may run on several loops at once: then the order of events says
/// nothing, and only its faults are looked at.
class Interpreter {
public:
    Interpreter(nlohmann::json program, bool stealable)
        : program_(std::move(program)), stealable_(stealable), things_(program_) {}

    /// The main task.
    void main();

    [[nodiscard]] const nlohmann::json& events() const { return events_; }
    /// What must not be, whatever the order was. After main().
    [[nodiscard]] const std::set<std::string>& faults_at_rest() const { return faults_; }
    /// The same, when every task has ended.
    [[nodiscard]] std::vector<std::string> faults_of_things() { return things_.faults(); }

private:
    using json = nlohmann::json;
    /// What a step is within.
    struct Frame {
        std::vector<TaskGroup*> groups = {};
        std::vector<Timeout*> scopes = {};
    };
    using Answer = std::optional<std::string>;  // nothing: another family's step

    void log(const std::string& who, const std::string& what);
    [[nodiscard]] std::chrono::nanoseconds delay(const json& ticks);
    int body(const std::string& name);
    void steps(const std::string& who, const json& list, const Frame& frame);
    std::string step(
        const std::string& who, const std::string& operation, const json& step, const Frame& frame
    );
    Answer step_of_task(const std::string& operation, const json& step);
    Answer step_of_future(const std::string& operation, const json& step);
    Answer step_of_combinator(
        const std::string& who, const std::string& operation, const json& step, const Frame& frame
    );
    Answer step_of_scope(
        const std::string& who, const std::string& operation, const json& step, const Frame& frame
    );
    Answer step_of_loop(const std::string& operation, const json& step);

    std::string start(const std::string& name, bool eager);
    std::string start_in_group(const std::string& name, const Frame& frame);
    std::string wait(const json& step);
    std::string as_completed(const std::string& who, const json& step);
    std::string staggered(const std::string& who, const json& step);

    [[nodiscard]] std::optional<Waitable> find(const std::string& name);
    /// Takes a name; false when somebody has it.
    [[nodiscard]] bool reserve(const std::string& name);
    void give_up(const std::string& name);
    void put(const std::string& name, Waitable waitable);
    void put(const std::string& name, const Number& number) {
        Waitable waitable(number);
        waitable.number = number;
        put(name, std::move(waitable));
    }
    [[nodiscard]] std::optional<std::vector<Number>> numbers_of(const json& names);
    ContextVar<int>& variable(const std::string& name);
    void go_round(int turns);
    void next_turn();
    void inject(const json& what);

    /// When nothing is ready on any loop but the main task.
    void look_at_rest();
    [[nodiscard]] bool could_go_on(const Wait& wait, const std::vector<Wait>& open);
    void look_for_uncancelled(Waits::Id before);
    void fault(const std::string& what);

    const json program_;
    const bool stealable_;
    Things things_;
    Waits waits_;
    int rests_ = 0;  // the main task's own
    std::chrono::steady_clock::time_point start_;

    std::mutex mutex_;  // for what follows; not held while anything waits
    json events_ = json::array();
    int turn_ = 0;
    std::int64_t timers_ = 0;
    bool ended_ = false;
    std::map<std::string, std::optional<Waitable>> waitables_;  // nothing: it is being made
    std::map<std::string, Handle> handles_;
    std::map<std::string, Handle> callbacks_;  // by future and label
    std::map<std::string, std::unique_ptr<ContextVar<int>>> variables_;
    std::map<std::string, Timeout*> injected_scopes_;
    std::set<std::string> faults_;
};

}  // namespace weft::conformance
