#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>
#include <weft/as_completed.hpp>
#include <weft/gather.hpp>
#include <weft/staggered.hpp>
#include <weft/wait.hpp>

#include "interpreter.hpp"

// Steps that wait for several things, or for one under conditions.
namespace weft::conformance {
namespace {

using nlohmann::json;
using std::chrono::nanoseconds;

/// What is there of a step without its options.
std::size_t length_of(const json& step) {
    return step.size() - (step.back().is_object() ? 1 : 0);
}

}  // namespace

Interpreter::Answer Interpreter::step_of_combinator(
    const std::string& who, const std::string& operation, const json& step, const Frame& frame
) {
    if (operation == "gather" || operation == "shield") {
        const std::string name = step[1];
        const auto children = numbers_of(operation == "gather" ? step[2] : json::array({step[2]}));
        if (!children || !reserve(name)) {
            return kUnmade;
        }
        if (operation == "shield") {
            put(name, shield(children->front()));
        } else if (step[3].get<bool>()) {
            put(name, Waitable(gather(return_exceptions, *children)));
        } else {
            put(name, Waitable(gather(*children)));
        }
        return kNone;
    }
    if (operation == "wait" && step[1].is_array()) {
        return wait(step);
    }
    if (operation == "as_completed") {
        return as_completed(who, step);
    }
    if (operation == "wait_for") {
        const auto target = find(step[1]);
        return target ? target->wait_for(delay(step[2])) : kUnmade;
    }
    if (operation == "wait_for_call") {
        wait_for([&] { steps(who + "/wait_for", step[2], frame); }, delay(step[1]));
        return kNone;
    }
    if (operation == "staggered") {
        return staggered(who, step);
    }
    return std::nullopt;
}

std::string Interpreter::wait(const json& step) {
    const json& names = step[1];
    const auto targets = numbers_of(names);
    if (!targets) {
        return kUnmade;
    }
    const std::string when = step[2];
    const auto mode = when == "first_completed"   ? ReturnWhen::FirstCompleted
                      : when == "first_exception" ? ReturnWhen::FirstException
                                                  : ReturnWhen::AllCompleted;
    std::optional<nanoseconds> limit;
    if (length_of(step) > 3) {
        limit = delay(step[3]);
    }
    const auto result = weft::wait(*targets, limit, mode);
    std::vector<std::string> done;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto is_it = [&](const Number& other) {
            return other.state().get() == (*targets)[i].state().get();
        };
        if (std::any_of(result.done.begin(), result.done.end(), is_it) &&
            std::find(done.begin(), done.end(), names[i]) == done.end()) {
            done.push_back(names[i]);
        }
    }
    return text_of(done);
}

std::string Interpreter::as_completed(const std::string& who, const json& step) {
    const json& names = step[1];
    const auto targets = numbers_of(names);
    if (!targets) {
        return kUnmade;
    }
    if (std::count_if(targets->begin(), targets->end(), [](const Number& number) {
            return number.done();
        }) > 1) {
        return "several are done";  // asyncio gives those in no particular order
    }
    std::optional<nanoseconds> limit;
    if (length_of(step) > 2) {
        limit = delay(step[2]);
    }
    for (const Number& number : weft::as_completed(*targets, limit)) {
        for (std::size_t i = 0; i < names.size(); ++i) {
            if ((*targets)[i].state().get() == number.state().get()) {
                log(who, "completed " + names[i].get<std::string>());
                break;
            }
        }
    }
    return kNone;
}

/// The functions of a race run in tasks of their own.
std::string Interpreter::staggered(const std::string& who, const json& step) {
    std::vector<std::function<int()>> functions;
    for (std::size_t place = 2; place < length_of(step); ++place) {
        const int index = static_cast<int>(place) - 2;
        functions.emplace_back([this, index, name = who + "/race" + std::to_string(index), &step] {
            steps(name, step[static_cast<std::size_t>(index) + 2], {});
            return index;
        });
    }
    std::optional<nanoseconds> limit;
    if (!step[1].is_null()) {
        limit = delay(step[1]);
    }
    const auto race = staggered_race(std::move(functions), limit);
    std::vector<std::string> errors;
    for (const std::exception_ptr& error : race.exceptions) {
        errors.push_back(error != nullptr ? kind_of(error) : kNone);
    }
    return (race.winner ? text_of(*race.result) : kNone) + " " + text_of(errors);
}

}  // namespace weft::conformance
