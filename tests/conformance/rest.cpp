#include <algorithm>
#include <string>
#include <vector>

#include "interpreter.hpp"

// What must hold whenever everything has come to rest: a task that could go on would have.
namespace weft::conformance {
namespace {

using nlohmann::json;

bool is_one_of(const std::string& operation, std::initializer_list<const char*> operations) {
    return std::find(operations.begin(), operations.end(), operation) != operations.end();
}

}  // namespace

void Interpreter::look_at_rest() {
    const auto open = waits_.at_rest();
    ++rests_;
    for (const Wait& wait : open) {
        if (wait.was_passed_by) {
            fault("one that came later was served before " + wait.text());
        }
        if (wait.is_innermost && could_go_on(wait, open)) {
            fault("nothing keeps " + wait.text());
        }
    }
    const std::lock_guard lock(mutex_);
    for (const auto& [name, waitable] : waitables_) {
        const auto is_its = [&name = name](const Wait& wait) {
            return wait.who == name || wait.who.rfind(name + "/", 0) == 0;
        };
        if (name[0] == 't' && waitable && !waitable->done() &&
            std::none_of(open.begin(), open.end(), is_its)) {
            faults_.insert(name + " has not ended and is at no step");
        }
    }
}

bool Interpreter::could_go_on(const Wait& wait, const std::vector<Wait>& open) {
    const std::string operation = wait.operation();
    const json& step = *wait.step;
    if (is_one_of(operation, {"group", "wait_for_call", "staggered"})) {
        return false;  // what they wait for may be at no step
    }
    if (operation == "sleep") {
        return rests_ - wait.since > step[1].get<double>() + 2;
    }
    const bool is_wait_of_several = operation == "wait" && step[1].is_array();
    if (!is_wait_of_several && !is_one_of(operation, {"await", "wait_for", "as_completed"})) {
        return things_.could_go_on(wait, open);
    }
    const json names = step[1].is_array() ? step[1] : json::array({step[1]});
    const auto is_done = [this](const json& name) {
        const auto waitable = find(name);
        return waitable && waitable->done();
    };
    if (is_wait_of_several && step[2] == "first_completed") {
        return std::any_of(names.begin(), names.end(), is_done);
    }
    return std::all_of(names.begin(), names.end(), is_done);
}

/// Whoever waited for a thing, a future or the time when its task was cancelled must have been told;
/// who waited for a task has cancelled that one, which may go on. A race passes a cancellation on only
/// until it has a winner.
void Interpreter::look_for_uncancelled(Waits::Id before) {
    for (const Wait& wait : waits_.before(before)) {
        if (wait.who.find("/race") != std::string::npos) {
            continue;
        }
        const std::string operation = wait.operation();
        const bool waits_itself = is_one_of(
            operation,
            {"yield", "sleep", "lock", "acquire", "event_wait", "get", "put", "join", "barrier"}
        );
        if (waits_itself || (operation == "await" && wait.name()[0] == 'f') ||
            (operation == "wait" && (*wait.step)[1].is_array())) {
            fault("nobody has told of its cancellation " + wait.text());
        }
    }
}

void Interpreter::fault(const std::string& what) {
    const std::lock_guard lock(mutex_);
    faults_.insert(what);
}

}  // namespace weft::conformance
