#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>
#include <weft/barrier.hpp>
#include <weft/condition.hpp>
#include <weft/event.hpp>
#include <weft/lock.hpp>
#include <weft/queue.hpp>
#include <weft/semaphore.hpp>

#include "waits.hpp"

namespace weft::conformance {

/// The primitives of a program, by name, and what has been done with them.
///
/// Threads   any.
class Things {
public:
    explicit Things(const nlohmann::json& program) : program_(program) {}

    /// Does a step; nothing when it is none of a primitive's.
    [[nodiscard]] std::optional<std::string> step(
        const std::string& operation, const nlohmann::json& step
    );

    /// What is not as the steps that succeeded should have left it.
    [[nodiscard]] std::vector<std::string> faults();

    /// Whether nothing keeps this step waiting, of those that are open now that everything is at rest.
    [[nodiscard]] bool could_go_on(const Wait& wait, const std::vector<Wait>& open);

private:
    std::optional<std::string> step_of_lock(const std::string& operation, const std::string& name);
    std::optional<std::string> step_of_condition(
        const std::string& operation, const std::string& name, const nlohmann::json& step
    );
    std::optional<std::string> step_of_semaphore(
        const std::string& operation, const std::string& name
    );
    std::optional<std::string> step_of_event(const std::string& operation, const std::string& name);
    std::optional<std::string> step_of_queue(
        const std::string& operation, const std::string& name, const nlohmann::json& step
    );
    std::optional<std::string> step_of_barrier(
        const std::string& operation, const std::string& name
    );
    Queue<int>& queue(const std::string& name);
    Semaphore& semaphore(const std::string& name);

    template <class Map, class... Arguments>
    auto& thing(Map& map, const std::string& name, Arguments... arguments) {
        const std::lock_guard lock(mutex_);
        auto& place = map[name];
        if (place == nullptr) {
            place = std::make_unique<typename Map::mapped_type::element_type>(arguments...);
        }
        return *place;
    }
    [[nodiscard]] int size_of(const std::string& name) const {
        return program_.contains("sizes") ? program_["sizes"].value(name, 1) : 1;
    }
    void note(const std::string& name, int change) {
        const std::lock_guard lock(mutex_);
        balance_[name] += change;
    }
    void note_put(const std::string& name) {
        const std::lock_guard lock(mutex_);
        ++balance_[name];
        ++unfinished_[name];
    }

    const nlohmann::json& program_;
    std::mutex mutex_;  // for what follows; not for the use of what is in the maps
    std::map<std::string, std::unique_ptr<Lock>> locks_;
    std::map<std::string, std::unique_ptr<Condition>> conditions_;
    std::map<std::string, std::unique_ptr<Event>> events_;
    std::map<std::string, std::shared_ptr<Semaphore>> semaphores_;  // of both kinds
    std::map<std::string, std::shared_ptr<Queue<int>>> queues_;     // of all kinds
    std::map<std::string, std::unique_ptr<Barrier>> barriers_;
    std::map<std::string, int> counters_;
    std::map<std::string, int> balance_;     // acquired and put, less released and got
    std::map<std::string, int> unfinished_;  // put, less task_done
    std::map<std::string, bool> dropped_;    // queues whose items were thrown away
};

}  // namespace weft::conformance
