#include "task/holders.hpp"

#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <new>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/never_destroyed.hpp"
#include "task/carrier.hpp"
#include "task/report.hpp"
#include "task/task_state.hpp"

// A table beside the primitives, by their addresses: they stay as small as they are, and nothing that
// has ended is looked at.

namespace weft::rt {
namespace {

struct Table {
    std::mutex mutex;
    std::unordered_map<const void*, std::vector<Holder>> holders;
};

Table& table() noexcept {
    static NeverDestroyed<Table> the_table;
    return the_table.get();
}

Holder holder_of(const detail::FutureState& future) {
    if (!future.is_task()) {
        return {&future, 0, "a future"};
    }
    const auto& task = static_cast<const TaskState&>(future);
    return {&task, task.id, name_and_site(task)};
}

Holder running_holder() {
    const Carrier* const carrier = current_carrier();
    if (carrier == nullptr) {
        return {nullptr, 0, "thread " + std::to_string(::gettid())};
    }
    if (carrier->current == nullptr) {
        return {nullptr, 0, "a callback"};
    }
    return holder_of(*carrier->current);
}

void add(const void* object, bool alone, const detail::FutureState* awaited) noexcept {
    try {
        Holder holder = awaited != nullptr ? holder_of(*awaited) : running_holder();
        const std::lock_guard lock(table().mutex);
        auto& holders = table().holders[object];
        if (alone) {
            holders.clear();
        }
        holders.push_back(std::move(holder));
    } catch (const std::bad_alloc&) {
        // Then it is not known.
    }
}

/// Up to `count` of them, `first` before others.
void drop(
    const void* object, const detail::FutureState* first, std::size_t count, bool others
) noexcept {
    const std::uint64_t id =
        first != nullptr && first->is_task() ? static_cast<const TaskState*>(first)->id : 0;
    const std::lock_guard lock(table().mutex);
    const auto place = table().holders.find(object);
    if (place == table().holders.end()) {
        return;
    }
    auto& holders = place->second;
    while (count-- > 0 && !holders.empty()) {
        auto holder = std::find_if(holders.begin(), holders.end(), [&](const Holder& each) {
            return each.future == first && each.task_id == id;
        });
        if (holder == holders.end()) {
            if (!others) {
                break;
            }
            holder = holders.begin();
        }
        holders.erase(holder);
    }
    if (holders.empty()) {
        table().holders.erase(place);
    }
}

}  // namespace

void watch_holders() noexcept {
    detail::holders_watched.store(true, relaxed);
}

std::vector<Holder> holders_of(const void* object) {
    const std::lock_guard lock(table().mutex);
    const auto place = table().holders.find(object);
    return place == table().holders.end() ? std::vector<Holder>() : place->second;
}

}  // namespace weft::rt

namespace weft::detail {

std::atomic<bool> holders_watched{false};

void note_taken(const void* object) noexcept {
    rt::add(object, false, nullptr);
}

void note_owned(const void* object) noexcept {
    rt::add(object, true, nullptr);
}

void note_given_back(const void* object, std::size_t count) noexcept {
    const rt::Carrier* const carrier = rt::current_carrier();
    const TaskState* task = nullptr;
    if (carrier != nullptr) {
        task = carrier->current;
    }
    rt::drop(object, task, count, true);
}

void note_awaited(const void* object, const FutureState& future) noexcept {
    rt::add(object, false, &future);
}

void forget_awaited(const void* object, const FutureState& future) noexcept {
    rt::drop(object, &future, 1, false);
}

void forget_holders(const void* object) noexcept {
    const std::lock_guard lock(rt::table().mutex);
    rt::table().holders.erase(object);
}

}  // namespace weft::detail
