#include "task/holders.hpp"

#include <unistd.h>

#include <functional>
#include <mutex>
#include <new>
#include <optional>
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

struct Key {
    const void* who;
    std::uint64_t number;  // of the task, or of the thread

    friend bool operator==(const Key&, const Key&) = default;
};
struct HashOfKey {
    std::size_t operator()(const Key& key) const noexcept {
        constexpr std::size_t kFactor = 0x9E3779B97F4A7C15ULL;
        return (std::hash<const void*>()(key.who) ^ key.number) * kFactor;
    }
};

struct Share {
    std::size_t count = 0;
    bool any = false;
    std::optional<std::string> name = {};  // of a task that was given one
    detail::Site site = detail::Site("", 0);
};

struct Object {
    std::unordered_map<Key, Share, HashOfKey> shares;
    bool changes_hands = false;  // who gives back need not be who took: nobody can be named
};

struct Table {
    std::mutex mutex;
    std::unordered_map<const void*, Object> objects;
};

Table& table() noexcept {
    static NeverDestroyed<Table> the_table;
    return the_table.get();
}

Key key_of(const detail::FutureState& future) noexcept {
    return {&future, future.is_task() ? static_cast<const TaskState&>(future).id : 0};
}

/// The task that runs on this thread, or null.
const TaskState* running_task() noexcept {
    const Carrier* const carrier = current_carrier();
    return carrier != nullptr ? static_cast<TaskState*>(carrier->current) : nullptr;
}

Key running_key() noexcept {
    if (const TaskState* const task = running_task(); task != nullptr) {
        return key_of(*task);
    }
    return {nullptr, current_carrier() != nullptr ? 0 : static_cast<std::uint64_t>(::gettid())};
}

void take(const void* object, bool alone) noexcept {
    try {
        Share share{.count = 1, .any = !alone};
        if (const TaskState* const task = running_task(); task != nullptr) {
            if (task->name != nullptr) {
                share.name = *task->name;
            }
            share.site = detail::Site(task->site_file, task->site_line);
        }
        const Key key = running_key();
        const std::lock_guard lock(table().mutex);
        Object& of = table().objects[object];
        if (of.changes_hands) {
            return;
        }
        if (alone) {
            of.shares.clear();
        }
        if (const auto [place, is_new] = of.shares.try_emplace(key, std::move(share)); !is_new) {
            ++place->second.count;
        }
    } catch (const std::bad_alloc&) {
        // Then it is not known.
    }
}

void add_awaited(const void* object, Key key, bool any) noexcept {
    try {
        const std::lock_guard lock(table().mutex);
        table().objects[object].shares.try_emplace(key, Share{.count = 1, .any = any});
    } catch (const std::bad_alloc&) {
        // Then it is not known.
    }
}

std::string text_of(const Key& key, const Share& share) {
    if (key.who == nullptr) {
        return key.number == 0 ? "a callback" : "thread " + std::to_string(key.number);
    }
    if (*share.site.file == '\0') {
        return "task number " +
               std::to_string(key.number);  // awaited: whose it is knows its record
    }
    const std::string name = share.name ? *share.name : "Task-" + std::to_string(key.number);
    return "task '" + name + "' " + text_of_site(share.site);
}

}  // namespace

void watch_holders() noexcept {
    detail::holders_watched.store(true, relaxed);
}

std::vector<Holder> holders_of(const void* object) {
    std::vector<Holder> holders;
    const std::lock_guard lock(table().mutex);
    const auto place = table().objects.find(object);
    if (place != table().objects.end()) {
        for (const auto& [key, share] : place->second.shares) {
            const bool is_object = key.who != nullptr && key.number == 0;
            holders.push_back(
                {key.who,
                 key.who != nullptr ? key.number : 0,
                 share.any,
                 is_object ? std::string() : text_of(key, share)}
            );
        }
    }
    return holders;
}

std::size_t held_objects() noexcept {
    const std::lock_guard lock(table().mutex);
    return table().objects.size();
}

}  // namespace weft::rt

namespace weft::detail {

std::atomic<bool> holders_watched{false};

void note_taken(const void* object) noexcept {
    rt::take(object, false);
}

void note_owned(const void* object) noexcept {
    rt::take(object, true);
}

void note_given_back(const void* object, std::size_t count) noexcept {
    const rt::Key key = rt::running_key();
    const std::lock_guard lock(rt::table().mutex);
    try {
        rt::Object& of = rt::table().objects[object];
        const auto share = of.shares.find(key);
        if (share == of.shares.end() || share->second.count < count) {
            of.shares.clear();
            of.changes_hands = true;
            return;
        }
        share->second.count -= count;
        if (share->second.count == 0) {
            of.shares.erase(share);
        }
        if (of.shares.empty()) {
            rt::table().objects.erase(object);
        }
    } catch (const std::bad_alloc&) {
        // It had not been noted that anybody has it.
    }
}

void note_awaited(const void* object, const FutureState& future, bool any) noexcept {
    rt::add_awaited(object, rt::key_of(future), any);
}

void note_same(const void* object, const void* other) noexcept {
    rt::add_awaited(object, {other, 0}, false);
}

void forget_awaited(const void* object, const FutureState& future) noexcept {
    const std::lock_guard lock(rt::table().mutex);
    const auto place = rt::table().objects.find(object);
    if (place == rt::table().objects.end()) {
        return;
    }
    place->second.shares.erase(rt::key_of(future));
    if (place->second.shares.empty()) {
        rt::table().objects.erase(place);
    }
}

void forget_holders(const void* object) noexcept {
    const std::lock_guard lock(rt::table().mutex);
    rt::table().objects.erase(object);
}

}  // namespace weft::detail
