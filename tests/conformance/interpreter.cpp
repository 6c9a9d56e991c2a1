#include "interpreter.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <weft/loop.hpp>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>

namespace weft::conformance {
namespace {

using nlohmann::json;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

constexpr int kTicks = 50;

/// Whether the message of a cancellation is compared: see scenario.md.
bool tells_message(const json& step) {
    const std::string operation = step[0];
    for (const char* const each :
         {"yield", "sleep", "lock", "acquire", "event_wait", "get", "put", "join", "barrier"}) {
        if (operation == each) {
            return true;
        }
    }
    return operation == "await" && step[1].get<std::string>()[0] == 'f';
}

}  // namespace

void Interpreter::log(const std::string& who, const std::string& what) {
    const auto now = get_running_loop().time() - start_;
    const std::lock_guard lock(mutex_);
    if (!ended_) {  // tasks that are left are cancelled in no particular order
        const auto micros = std::chrono::duration_cast<microseconds>(now).count();
        events_.push_back({micros, turn_, who, what});
    }
}

/// Of the program's next timer: no two are due at the same moment, as far as can be.
nanoseconds Interpreter::delay(const json& ticks) {
    constexpr std::int64_t kMicrosPerTick = 1'000'000;
    const auto micros =
        static_cast<std::int64_t>(std::llround(ticks.get<double>() * kMicrosPerTick));
    if (micros <= 0) {
        return microseconds(micros);
    }
    const std::lock_guard lock(mutex_);
    ++timers_;
    return microseconds(micros + (timers_ * timers_ * 37 + timers_ * 101) % 100'003);
}

std::optional<Waitable> Interpreter::find(const std::string& name) {
    const std::lock_guard lock(mutex_);
    if (name[0] == 'f' && waitables_.find(name) == waitables_.end()) {
        const Number number;
        Waitable waitable(number);
        waitable.number = number;
        waitables_.emplace(name, std::move(waitable));
    }
    const auto found = waitables_.find(name);
    return found != waitables_.end() ? found->second : std::nullopt;
}

bool Interpreter::reserve(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return waitables_.emplace(name, std::nullopt).second;
}

void Interpreter::give_up(const std::string& name) {
    const std::lock_guard lock(mutex_);
    waitables_.erase(name);
}

void Interpreter::put(const std::string& name, Waitable waitable) {
    const std::lock_guard lock(mutex_);
    waitables_[name] = std::move(waitable);
}

std::optional<std::vector<Number>> Interpreter::numbers_of(const json& names) {
    std::vector<Number> numbers;
    for (const json& name : names) {  // all of them, as a future is made where it is named first
        const auto waitable = find(name);
        if (waitable && waitable->number) {
            numbers.push_back(*waitable->number);
        }
    }
    return numbers.size() == names.size() ? std::optional(numbers) : std::nullopt;
}

ContextVar<int>& Interpreter::variable(const std::string& name) {
    const std::lock_guard lock(mutex_);
    auto& place = variables_[name];
    if (place == nullptr) {
        place = std::make_unique<ContextVar<int>>(name, 0);
    }
    return *place;
}

int Interpreter::body(const std::string& name) {
    bool has_scope = false;
    {
        const std::lock_guard lock(mutex_);
        has_scope = injected_scopes_.find(name) != injected_scopes_.end();
    }
    try {
        if (has_scope) {
            timeout(std::nullopt, [&](Timeout& scope) {
                {
                    const std::lock_guard lock(mutex_);
                    injected_scopes_[name] = &scope;
                }
                struct Forget {
                    Interpreter& self;
                    const std::string& name;
                    ~Forget() {
                        const std::lock_guard lock(self.mutex_);
                        self.injected_scopes_[name] = nullptr;
                    }
                } const forget{*this, name};
                steps(name, program_["tasks"][name], {});
            });
        } else {
            steps(name, program_["tasks"][name], {});
        }
    } catch (const Result& result) {
        return result.value;
    }
    return std::stoi(name.substr(1));
}

void Interpreter::steps(const std::string& who, const json& list, const Frame& frame) {
    for (std::size_t index = 0; index < list.size(); ++index) {
        const json& one = list[index];
        const json options = one.back().is_object() ? one.back() : json::object();
        const std::string label = std::to_string(index) + " " + one[0].get<std::string>();
        try {
            std::string text;
            {
                Waits::Open open(waits_, who, one);
                text = step(who, one[0], one, frame);
                open.succeeded();
            }
            log(who, label + ": " + text);
        } catch (const Result&) {
            throw;
        } catch (const CancelledError& error) {
            const std::string message = tells_message(one) ? error.message() : "";
            log(who, label + ": cancelled" + (message.empty() ? "" : " " + message));
            if (!options.value("swallow", false)) {
                throw;
            }
        } catch (...) {
            log(who, label + ": raised " + kind_of(std::current_exception()));
            if (options.value("raise", false)) {
                throw;
            }
        }
    }
}

std::string Interpreter::step(
    const std::string& who, const std::string& operation, const json& step, const Frame& frame
) {
    if ((operation == "await" || operation == "wait_for") &&
        step[1] == who.substr(0, who.find('/'))) {
        return "itself";
    }
    if (auto answer = step_of_task(operation, step)) {
        return *answer;
    }
    if (auto answer = step_of_future(operation, step)) {
        return *answer;
    }
    if (auto answer = step_of_combinator(who, operation, step, frame)) {
        return *answer;
    }
    if (auto answer = step_of_scope(who, operation, step, frame)) {
        return *answer;
    }
    if (auto answer = step_of_loop(operation, step)) {
        return *answer;
    }
    if (auto answer = things_.step(operation, step)) {
        return *answer;
    }
    throw std::logic_error("unknown operation: " + operation);
}

std::string Interpreter::start(const std::string& name, bool eager) {
    if (!reserve(name)) {
        return "again";
    }
    const auto call = [this, name] { return body(name); };
    TaskOptions options{.name = name, .eager_start = eager};
    put(name,
        stealable_ ? weft::spawn(call, std::move(options))
                   : weft::create_task(call, std::move(options)));
    return kNone;
}

std::string Interpreter::start_in_group(const std::string& name, const Frame& frame) {
    if (frame.groups.empty() || !reserve(name)) {
        return kUnmade;
    }
    const auto call = [this, name] { return body(name); };
    try {
        put(name,
            stealable_ ? frame.groups.back()->spawn(call, name)
                       : frame.groups.back()->create_task(call, name));
    } catch (...) {
        give_up(name);
        throw;
    }
    return kNone;
}

Interpreter::Answer Interpreter::step_of_task(const std::string& operation, const json& step) {
    if (operation == "yield") {
        for (int i = 0; i < step[1].get<int>(); ++i) {
            weft::yield();
        }
    } else if (operation == "sleep") {
        weft::sleep(delay(step[1]));
    } else if (operation == "spawn" || operation == "eager") {
        return start(step[1], operation == "eager");
    } else if (operation == "cancelling") {
        return text_of(static_cast<int>(current_task().cancelling()));
    } else if (operation == "uncancel") {
        return text_of(static_cast<int>(current_task().uncancel()));
    } else if (operation == "cancel_self") {
        return text_of(current_task().cancel(step[1]));
    } else if (operation == "name") {
        return current_task().name();
    } else if (operation == "set_name") {
        current_task().set_name(step[1]);
    } else if (operation == "all_tasks") {
        std::vector<std::string> names;
        for (const AnyTask& task : all_tasks()) {
            if (task.name()[0] == 't') {
                names.push_back(task.name());
            }
        }
        std::sort(names.begin(), names.end());
        return text_of(names);
    } else if (operation == "boom") {
        throw Boom();
    } else if (operation == "return") {
        throw Result{step[1].get<int>()};
    } else if (operation == "var_set") {
        variable(step[1]).set(step[2].get<int>());
    } else if (operation == "var_get") {
        return text_of(variable(step[1]).get());
    } else {
        return std::nullopt;
    }
    return kNone;
}

Interpreter::Answer Interpreter::step_of_future(const std::string& operation, const json& step) {
    bool known = false;
    for (const char* const each :
         {"await",
          "cancel",
          "callback",
          "remove_callback",
          "done",
          "result",
          "exception",
          "cancelled",
          "set",
          "fail"}) {
        known = known || operation == each;
    }
    if (!known) {
        return std::nullopt;
    }
    const auto target = find(step[1]);
    if (!target) {
        return kUnmade;
    }
    if (operation == "await") {
        return target->await();
    }
    if (operation == "cancel") {
        return text_of(target->cancel(step[2]));
    }
    if (operation == "done") {
        return text_of(target->done());
    }
    if (operation == "cancelled") {
        return text_of(target->cancelled());
    }
    if (operation == "result") {
        return target->result();
    }
    if (operation == "exception") {
        const std::exception_ptr error = target->exception();
        return error != nullptr ? kind_of(error) : kNone;
    }
    if (operation == "callback") {
        const std::string label = step[2];
        Handle handle = target->callback([this, label] { log("callback", label); });
        const std::lock_guard lock(mutex_);
        callbacks_[step[1].get<std::string>() + " " + label] = handle;
    } else if (operation == "remove_callback") {
        const std::lock_guard lock(mutex_);
        const std::string key = step[1].get<std::string>() + " " + step[2].get<std::string>();
        if (const auto found = callbacks_.find(key); found != callbacks_.end()) {
            target->remove_callback(found->second);
        }
    } else if (!target->number) {
        throw RuntimeError("not a future");
    } else if (operation == "set") {
        target->number->set_result(step[2].get<int>());
    } else {
        target->number->set_exception(std::make_exception_ptr(Boom()));
    }
    return kNone;
}

Interpreter::Answer Interpreter::step_of_scope(
    const std::string& who, const std::string& operation, const json& step, const Frame& frame
) {
    if (operation == "timeout") {
        timeout(delay(step[1]), [&](Timeout& scope) {
            Frame inner = frame;
            inner.scopes.push_back(&scope);
            steps(who + "/timeout", step[2], inner);
        });
    } else if (operation == "reschedule") {
        if (frame.scopes.empty()) {
            return kUnmade;
        }
        if (step[1].is_null()) {
            frame.scopes.back()->reschedule(std::nullopt);
        } else {
            frame.scopes.back()->reschedule(get_running_loop().time() + delay(step[1]));
        }
    } else if (operation == "expired") {
        return frame.scopes.empty() ? kUnmade : text_of(frame.scopes.back()->expired());
    } else if (operation == "group") {
        task_group([&](TaskGroup& group) {
            Frame inner = frame;
            inner.groups.push_back(&group);
            steps(who + "/group", step[1], inner);
        });
    } else if (operation == "group_cancel") {
        if (frame.groups.empty()) {
            return kUnmade;
        }
        frame.groups.back()->cancel();
    } else if (operation == "group_spawn") {
        return start_in_group(step[1], frame);
    } else if (operation == "finally") {
        try {
            steps(who + "/try", step[1], frame);
        } catch (...) {
            steps(who + "/finally", step[2], frame);
            throw;
        }
        steps(who + "/finally", step[2], frame);
    } else {
        return std::nullopt;
    }
    return kNone;
}

Interpreter::Answer Interpreter::step_of_loop(const std::string& operation, const json& step) {
    Loop& loop = get_running_loop();
    if (operation == "raise_soon") {
        loop.call_soon([] { throw Boom(); });
        return kNone;
    }
    if (operation != "call_soon" && operation != "call_later" && operation != "cancel_handle" &&
        operation != "handle_cancelled") {
        return std::nullopt;
    }
    const std::string name = step[1];
    const auto call = [this, name] { log("callback", name); };
    if (operation == "call_soon" || operation == "call_later") {
        Handle handle = operation == "call_soon" ? loop.call_soon(call)
                                                 : Handle(loop.call_later(delay(step[2]), call));
        const std::lock_guard lock(mutex_);
        handles_[name] = std::move(handle);
        return kNone;
    }
    const std::lock_guard lock(mutex_);
    const auto found = handles_.find(name);
    if (found == handles_.end()) {
        return kUnmade;
    }
    if (operation == "handle_cancelled") {
        return text_of(found->second.cancelled());
    }
    found->second.cancel();
    return kNone;
}

void Interpreter::main() {
    start_ = get_running_loop().time();
    get_running_loop().runtime().set_exception_handler(
        [this](Loop&, const ExceptionContext& context) {
            // Errors that nobody looked at come when the object ends, which is another moment in
            // Python.
            if (context.subject == "a callback") {
                log("handler", kind_of(context.exception));
            }
        }
    );
    for (const json& what : program_.value("inject", json::array())) {
        if (what.value("timeout", false)) {
            injected_scopes_.emplace(what["cancel"].get<std::string>(), nullptr);
        }
    }
    for (const json& name : program_["start"]) {
        start(name, false);
    }
    go_round(program_["turns"]);
    for (int tick = 0; tick < program_.value("ticks", kTicks); ++tick) {
        weft::sleep(std::chrono::seconds(1));
        look_at_rest();
        next_turn();
    }
    const Waits::Id before_end = waits_.next();
    const auto all = [this] {
        const std::lock_guard lock(mutex_);
        return waitables_;
    };
    for (const auto& [name, waitable] : all()) {
        if (name[0] == 't' && waitable) {
            waitable->cancel("end");
        }
    }
    go_round(program_["turns"]);
    for (const auto& [name, waitable] : all()) {
        if (waitable) {
            log("main", name + ": " + waitable->ending());
        }
    }
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
    }
    weft::sleep(std::chrono::seconds(1));
    look_at_rest();
    look_for_uncancelled(before_end);
}

void Interpreter::go_round(int turns) {
    for (int i = 0; i < turns; ++i) {
        weft::yield();
        next_turn();
    }
}

void Interpreter::next_turn() {
    {
        const std::lock_guard lock(mutex_);
        ++turn_;
    }
    for (const json& what : program_.value("inject", json::array())) {
        if (what["turn"] == turn_) {
            inject(what);
        }
    }
}

void Interpreter::inject(const json& what) {
    const std::string name = what["cancel"];
    std::optional<Waitable> target;
    Timeout* scope = nullptr;
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = waitables_.find(name); found != waitables_.end()) {
            target = found->second;
        }
        if (const auto found = injected_scopes_.find(name); found != injected_scopes_.end()) {
            scope = stealable_ ? nullptr : found->second;  // it is its task's own
        }
    }
    if (!target) {
        return;
    }
    if (scope != nullptr && !scope->expired()) {
        scope->reschedule(get_running_loop().time());
    }
    for (int i = 0; i < what.value("times", 1); ++i) {
        target->cancel("injected");
    }
}

}  // namespace weft::conformance
