#include "testing/held_locks/table.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <weft/testing/held_locks.hpp>

#include "base/symbol.hpp"
#include "loop/dump.hpp"
#include "task/carrier.hpp"
#include "task/task_state.hpp"

// What each thread holds, by thread and not by task: whoever suspends with something in the table
// ends the process, so nothing in it ever changes threads. Nor, in a simulation, loops: one is left for
// another only where no task is in the middle of anything.

namespace weft::rt {
namespace {

/// The innermost first. Without optimisation the first few are libstdc++'s own.
using Callers = std::array<void*, 6>;

struct Entry {
    const void* object;
    std::uint64_t task_id;  // 0: a callback
    Held kind;
    Callers callers;
};

struct Table {
    static constexpr std::size_t kMost = 32;

    std::array<Entry, kMost> entries;
    std::size_t count;   // of the entries in use, the oldest first
    std::size_t beyond;  // what there was no room for

    [[nodiscard]] std::size_t held() const noexcept { return count + beyond; }
};

// No constructor: libc may lock before anything of the program has run.
constinit thread_local Table table_of_thread{};

[[gnu::noinline]] Table& own_table() noexcept {
    Table* address = &table_of_thread;  // as in fiber/tls.cpp
    asm volatile("" : "+r"(address) : : "memory");
    return *address;
}

/// Follows the frame pointers: the unwinder would take a microsecond for each lock. Code without them ends
/// the walk, or leads it astray, but never off this stack.
void find_callers(void* const* frame, const Stack* stack, Callers& found) noexcept {
    found.front() = frame[1];
    if (stack == nullptr) {
        return;
    }
    const auto* const top = reinterpret_cast<void* const*>(stack->top);
    const auto is_frame = [top](void* const* at, const void* above) {
        return at > above && at + 1 < top &&
               reinterpret_cast<std::uintptr_t>(at) % alignof(void*) == 0;
    };
    if (!is_frame(frame, stack->low)) {
        return;
    }
    for (std::size_t i = 1; i < found.size(); ++i) {
        auto* const next = static_cast<void* const*>(*frame);
        if (!is_frame(next, frame)) {
            return;
        }
        frame = next;
        found[i] = frame[1];
    }
}

const char* name_of(Held kind) noexcept {
    switch (kind) {
        case Held::Mutex:
            return "the mutex";
        case Held::SharedMutex:
            return "the shared mutex";
        case Held::StaticInitialiser:
            return "the initialiser of a function-local static, guard";
        case Held::Once:
            return "the function of std::call_once or pthread_once, flag";
    }
    return "";
}

/// Who entered it, where that is not the task that suspends.
std::string other_holder(const Entry& entry, const TaskState& task) {
    if (entry.task_id == task.id) {
        return "";
    }
    if (entry.task_id == 0) {
        return " by a callback";
    }
    for (const TaskState* waiter = task.in_place_of; waiter != nullptr;
         waiter = waiter->in_place_of) {
        if (waiter->id == entry.task_id) {
            return " by task '" + waiter->display_name() + "', which waits for this one,";
        }
    }
    return " by Task-" + std::to_string(entry.task_id) + ", which has ended,";
}

std::string describe(const Entry& entry, const TaskState& task) {
    char object[32];
    std::snprintf(object, sizeof object, " %p", entry.object);
    const bool is_lock = entry.kind == Held::Mutex || entry.kind == Held::SharedMutex;
    std::string text = std::string("  ") + name_of(entry.kind) + object +
                       (is_lock ? ", locked" : ", entered") + other_holder(entry, task);
    text += " in " + symbol_of(entry.callers.front()) + "\n";
    for (void* const caller : std::span(entry.callers).subspan(1)) {
        if (Dl_info info{}; ::dladdr(caller, &info) == 0) {
            break;  // no code: the walk went astray
        }
        text += "      called from " + symbol_of(caller) + "\n";
    }
    return text;
}

[[noreturn, gnu::noinline]] void die_holding(const Carrier& carrier, const Table& table) {
    std::string text = "weft: " + describe_running(carrier) + " suspends while it holds\n";
    for (std::size_t i = 0; i < table.count; ++i) {
        text += describe(table.entries[i], *carrier.current);
    }
    if (table.beyond > 0) {
        text += "  and " + std::to_string(table.beyond) + " more\n";
    }
    std::fputs(text.c_str(), stderr);
    std::abort();
}

void check_suspension(const Carrier& carrier) noexcept {
    if (const Table& table = own_table(); table.held() > 0) [[unlikely]] {
        die_holding(carrier, table);
    }
}

[[maybe_unused]] const bool kChecking = [] {
    set_suspension_check(&check_suspension);
    return true;
}();

}  // namespace

void note_entered(Held kind, const void* object, void* const* frame) noexcept {
    const Carrier* const carrier = current_carrier();
    if (carrier == nullptr) {
        return;
    }
    Table& table = own_table();
    if (table.count == Table::kMost) {
        ++table.beyond;
        return;
    }
    const TaskState* const task = carrier->current;
    Entry& entry = table.entries[table.count++];
    entry = {object, task != nullptr ? task->id : 0, kind, {}};
    find_callers(frame, carrier->stack, entry.callers);
}

void note_left(const void* object) noexcept {
    Table& table = own_table();
    for (std::size_t i = table.count; i-- > 0;) {
        Entry* const entry = table.entries.data() + i;
        if (entry->object == object) {
            std::copy(entry + 1, table.entries.data() + table.count, entry);
            --table.count;
            return;
        }
    }
    if (table.beyond > 0) {
        --table.beyond;
    }
}

}  // namespace weft::rt

int weft::testing::held_locks() noexcept {
    return rt::current_carrier() != nullptr ? static_cast<int>(rt::own_table().held()) : 0;
}
