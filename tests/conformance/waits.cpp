#include "waits.hpp"

#include <algorithm>
#include <utility>

namespace weft::conformance {

using nlohmann::json;

namespace {

/// Whether those who wait in it are served in the order in which they came.
bool is_served_in_order(const std::string& operation) {
    return operation == "lock" || operation == "acquire" || operation == "get" ||
           operation == "put";
}

}  // namespace

std::string Wait::name() const {
    return step->size() > 1 && (*step)[1].is_string() ? (*step)[1].get<std::string>() : "";
}

Waits::Open::Open(Waits& waits, const std::string& who, const json& step)
    : waits_(waits), id_([&] {
          const std::lock_guard lock(waits.mutex_);
          waits.open_[waits.next_] = Wait{.who = who, .step = &step, .since = waits.rests_};
          return waits.next_++;
      }()) {}

Waits::Open::~Open() {
    const std::lock_guard lock(waits_.mutex_);
    waits_.open_.erase(id_);
}

void Waits::Open::succeeded() {
    const std::lock_guard lock(waits_.mutex_);
    const Wait& wait = waits_.open_.at(id_);
    const std::string operation = wait.operation();
    if (is_served_in_order(operation)) {
        int& newest = waits_.newest_served_[operation + " " + wait.name()];
        newest = std::max(newest, wait.since);
    }
    waits_.wake(operation, *wait.step);
}

/// Marks those who must go on. Only they are sure to have waited already who began before the last
/// rest.
void Waits::wake(const std::string& operation, const json& step) {
    if (operation == "count") {
        ++counters_[step[1]];
    }
    for (auto& [id, wait] : open_) {
        if (wait.since == rests_ || step.size() < 2 || wait.name() != step[1]) {
            continue;
        }
        const std::string its = wait.operation();
        wait.must_end =
            wait.must_end || (operation == "event_set" && its == "event_wait") ||
            (operation == "notify_all" && its == "wait") ||
            (operation == "notify_all" && its == "wait_until" &&
             counters_at_rest_[(*wait.step)[2]] >= (*wait.step)[3].get<int>()) ||
            (operation == "shutdown" && (its == "get" || its == "put")) ||
            ((operation == "barrier_reset" || operation == "barrier_abort") && its == "barrier");
    }
}

std::vector<Wait> Waits::at_rest() {
    const std::lock_guard lock(mutex_);
    std::vector<Wait> waits;
    for (const auto& [id, wait] : open_) {
        Wait copy = wait;
        const auto served = newest_served_.find(copy.operation() + " " + copy.name());
        copy.was_passed_by = served != newest_served_.end() && served->second > copy.since;
        copy.is_innermost = std::none_of(open_.begin(), open_.end(), [&](const auto& other) {
            return other.second.who.rfind(copy.who + "/", 0) == 0;
        });
        waits.push_back(std::move(copy));
    }
    newest_served_.clear();
    counters_at_rest_ = counters_;
    ++rests_;
    return waits;
}

Waits::Id Waits::next() const {
    const std::lock_guard lock(mutex_);
    return next_;
}

std::vector<Wait> Waits::before(Id id) const {
    const std::lock_guard lock(mutex_);
    std::vector<Wait> waits;
    for (auto place = open_.begin(); place != open_.lower_bound(id); ++place) {
        waits.push_back(place->second);
    }
    return waits;
}

}  // namespace weft::conformance
