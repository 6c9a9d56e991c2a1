#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "task/task_state.hpp"

namespace weft::rt {

/// Records of tasks, of all runtimes of the process. They are type-stable: memory that was a record
/// stays one, so that a stale waker and a dump may look at it at any time. It is never given back.
///
/// Slabs grow with their number, up to a huge page each. Free records lie in crates, whose table stands
/// where the bodies of some of them were: a cache takes or gives a crate without walking it, and can have
/// all of it brought from memory at once. A list of records would be a miss of all caches for each, one
/// after another.
///
/// Threads   any; a mutex, taken once per crate by the workers' caches.
class RecordPool {
public:
    /// What workers' caches take and give at a time: a table of tables of records.
    static constexpr std::size_t kCrate = 56;

    static RecordPool& shared() noexcept;

    /// Takes a free record; nullptr without memory.
    [[nodiscard]] TaskState* take() noexcept;
    void give(TaskState& record) noexcept;

    /// Takes up to kCrate of them into `records`; returns how many, none without memory. The last
    /// is meant to be used first.
    [[nodiscard]] std::size_t take_crate(std::span<TaskState*, kCrate> records) noexcept;
    void give_crate(std::span<TaskState* const, kCrate> records) noexcept;

private:
    friend class RecordWalk;

    RecordPool() = default;

    struct Slab;
    struct Crate;
    struct Shelf;
    Shelf& shelf() noexcept;
};

/// A walk through the records whose tasks have not ended. Asks for no memory.
class RecordWalk {
public:
    RecordWalk() noexcept;
    /// The next task, or null. The reference keeps it, but not the loop it belongs to: see
    /// sched/scheduler: TaskWalk.
    [[nodiscard]] detail::Ref<detail::FutureState> next() noexcept;

private:
    void leave_slab() noexcept;

    RecordPool::Slab* slab_ = nullptr;
    std::size_t made_ = 0;  // of its records
    std::size_t at_ = 0;
};

/// A worker's own free records: no lock.
///
/// The last ones given are the next ones taken: they are warm. Below them lie those that come from
/// the pool, which are brought into the cache while the ones before them are in use.
class RecordCache {
public:
    RecordCache() = default;
    RecordCache(const RecordCache&) = delete;
    RecordCache& operator=(const RecordCache&) = delete;
    ~RecordCache();

    [[nodiscard]] TaskState* take() noexcept {
        if (count_ <= cold_ && !take_cold()) [[unlikely]] {
            return nullptr;
        }
        return free_[--count_];
    }
    void give(TaskState& record) noexcept {
        if (count_ == kMost) [[unlikely]] {
            spill();
        }
        free_[count_++] = &record;
    }

private:
    static constexpr std::size_t kMost = 512;

    bool take_cold() noexcept;
    void spill() noexcept;

    std::size_t count_ = 0;
    std::size_t cold_ = 0;  // free_[0, cold_) were not in use lately
    std::array<TaskState*, kMost> free_{};
};

}  // namespace weft::rt
