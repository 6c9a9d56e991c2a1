#include "things.hpp"

#include <algorithm>

#include "text.hpp"

namespace weft::conformance {

using nlohmann::json;

std::optional<std::string> Things::step(const std::string& operation, const json& step) {
    if (step.size() < 2 || !step[1].is_string()) {
        return std::nullopt;
    }
    const std::string name = step[1];
    if (operation == "count") {
        const std::lock_guard lock(mutex_);
        return text_of(++counters_[name]);
    }
    switch (name[0]) {
        case 'l':
            return step_of_lock(operation, name);
        case 'c':
            return step_of_condition(operation, name, step);
        case 's':
        case 'n':
            return step_of_semaphore(operation, name);
        case 'e':
            return step_of_event(operation, name);
        case 'q':
        case 'k':
        case 'p':
            return step_of_queue(operation, name, step);
        case 'b':
            return step_of_barrier(operation, name);
        default:
            return std::nullopt;
    }
}

std::optional<std::string> Things::step_of_lock(
    const std::string& operation, const std::string& name
) {
    Lock& lock = thing(locks_, name);
    if (operation == "locked") {
        return text_of(lock.locked());
    }
    if (operation == "lock") {
        lock.acquire();
        note(name, 1);
    } else if (operation == "unlock") {
        lock.release();
        note(name, -1);
    } else {
        return std::nullopt;
    }
    return kNone;
}

std::optional<std::string> Things::step_of_condition(
    const std::string& operation, const std::string& name, const json& step
) {
    Condition& condition = thing(conditions_, name);
    if (operation == "locked") {
        return text_of(condition.locked());
    }
    if (operation == "lock") {
        condition.acquire();
        note(name, 1);
    } else if (operation == "unlock") {
        condition.release();
        note(name, -1);
    } else if (operation == "wait") {
        condition.wait();
    } else if (operation == "wait_until") {
        const std::string counter = step[2];
        const int least = step[3];
        condition.wait_for([&] {
            const std::lock_guard lock(mutex_);
            return counters_[counter] >= least;
        });
    } else if (operation == "notify") {
        condition.notify(step[2].get<std::size_t>());
    } else if (operation == "notify_all") {
        condition.notify_all();
    } else {
        return std::nullopt;
    }
    return kNone;
}

Semaphore& Things::semaphore(const std::string& name) {
    const std::lock_guard lock(mutex_);
    auto& place = semaphores_[name];
    if (place == nullptr) {
        const int size = size_of(name);
        place = name[0] == 's' ? std::make_shared<Semaphore>(size)
                               : std::make_shared<BoundedSemaphore>(size);
    }
    return *place;
}

std::optional<std::string> Things::step_of_semaphore(
    const std::string& operation, const std::string& name
) {
    Semaphore& its = semaphore(name);
    if (operation == "locked") {
        return text_of(its.locked());
    }
    if (operation == "acquire") {
        its.acquire();
        note(name, 1);
    } else if (operation == "release") {
        its.release();
        note(name, -1);
    } else {
        return std::nullopt;
    }
    return kNone;
}

std::optional<std::string> Things::step_of_event(
    const std::string& operation, const std::string& name
) {
    Event& event = thing(events_, name);
    if (operation == "is_set") {
        return text_of(event.is_set());
    }
    if (operation == "event_wait") {
        event.wait();
    } else if (operation == "event_set") {
        event.set();
    } else if (operation == "event_clear") {
        event.clear();
    } else {
        return std::nullopt;
    }
    return kNone;
}

Queue<int>& Things::queue(const std::string& name) {
    const std::lock_guard lock(mutex_);
    auto& place = queues_[name];
    if (place == nullptr) {
        const int size = size_of(name);
        if (name[0] == 'q') {
            place = std::make_shared<Queue<int>>(size);
        } else if (name[0] == 'k') {
            place = std::make_shared<LifoQueue<int>>(size);
        } else {
            place = std::make_shared<PriorityQueue<int>>(size);
        }
    }
    return *place;
}

std::optional<std::string> Things::step_of_queue(
    const std::string& operation, const std::string& name, const json& step
) {
    Queue<int>& its = queue(name);
    if (operation == "get" || operation == "get_nowait") {
        const int item = operation == "get" ? its.get() : its.get_nowait();
        note(name, -1);
        return text_of(item);
    }
    if (operation == "qsize") {
        return text_of(static_cast<int>(its.qsize()));
    }
    if (operation == "empty") {
        return text_of(its.empty());
    }
    if (operation == "full") {
        return text_of(its.full());
    }
    if (operation == "put") {
        its.put(step[2].get<int>());
        note_put(name);
    } else if (operation == "put_nowait") {
        its.put_nowait(step[2].get<int>());
        note_put(name);
    } else if (operation == "task_done") {
        its.task_done();
        const std::lock_guard lock(mutex_);
        --unfinished_[name];
    } else if (operation == "join") {
        its.join();
    } else if (operation == "shutdown") {
        its.shutdown(step[2].get<bool>());
        const std::lock_guard lock(mutex_);
        dropped_[name] = dropped_[name] || step[2].get<bool>();
    } else {
        return std::nullopt;
    }
    return kNone;
}

std::optional<std::string> Things::step_of_barrier(
    const std::string& operation, const std::string& name
) {
    Barrier& barrier = thing(barriers_, name, static_cast<std::size_t>(size_of(name)));
    if (operation == "barrier") {
        return text_of(static_cast<int>(barrier.wait()));
    }
    if (operation == "barrier_state") {
        return "[" + text_of(static_cast<int>(barrier.n_waiting())) + "," +
               text_of(barrier.broken()) + "]";
    }
    if (operation == "barrier_reset") {
        barrier.reset();
    } else if (operation == "barrier_abort") {
        barrier.abort();
    } else {
        return std::nullopt;
    }
    return kNone;
}

std::vector<std::string> Things::faults() {
    std::vector<std::string> faults;
    const auto expect = [&](const std::string& name, long is, long should_be) {
        if (is != should_be) {
            faults.push_back(
                name + " is " + std::to_string(is) + ", its steps leave " +
                std::to_string(should_be)
            );
        }
    };
    for (const auto& [name, lock] : locks_) {
        expect(name, lock->locked() ? 1 : 0, balance_[name] > 0 ? 1 : 0);
    }
    for (const auto& [name, condition] : conditions_) {
        expect(name, condition->locked() ? 1 : 0, balance_[name] > 0 ? 1 : 0);
    }
    for (const auto& [name, semaphore] : semaphores_) {
        expect(name, semaphore->value(), size_of(name) - balance_[name]);
    }
    for (const auto& [name, queue] : queues_) {
        if (!dropped_[name]) {
            expect(name, static_cast<long>(queue->qsize()), balance_[name]);
        }
    }
    for (const auto& [name, barrier] : barriers_) {
        expect(name, static_cast<long>(barrier->n_waiting()), 0);
    }
    return faults;
}

bool Things::could_go_on(const Wait& wait, const std::vector<Wait>& open) {
    const std::string operation = wait.operation();
    const std::string name = wait.name();
    const auto waiting = std::count_if(open.begin(), open.end(), [&](const Wait& other) {
        return other.operation() == operation && other.name() == name;
    });
    if (operation == "lock") {
        return name[0] == 'c' ? !thing(conditions_, name).locked() : !thing(locks_, name).locked();
    }
    if (operation == "wait" || operation == "wait_until") {
        return wait.must_end && !thing(conditions_, name).locked();
    }
    if (operation == "acquire") {
        return semaphore(name).value() > 0;
    }
    if (operation == "event_wait") {
        return wait.must_end || thing(events_, name).is_set();
    }
    if (operation == "get") {
        return wait.must_end || !queue(name).empty();
    }
    if (operation == "put") {
        return wait.must_end || !queue(name).full();
    }
    if (operation == "join") {
        return !dropped_[name] && unfinished_[name] == 0;
    }
    if (operation == "barrier") {
        const Barrier& barrier = thing(barriers_, name, static_cast<std::size_t>(size_of(name)));
        return wait.must_end || barrier.broken() || waiting >= size_of(name);
    }
    return true;  // it waits for nothing
}

}  // namespace weft::conformance
