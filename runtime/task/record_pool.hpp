#pragma once

#include <cstddef>

#include "task/task_state.hpp"

namespace weft::rt {

/// Records of tasks, of all runtimes of the process. They are type-stable: memory that was a record
/// stays one, so that a stale waker and a dump may look at it at any time. It is never given back.
///
/// Threads   any; a mutex, taken once per batch by the workers' caches.
class RecordPool {
public:
    static RecordPool& shared() noexcept;

    /// Takes up to `count` free records as a chain through Runnable::next; nullptr without memory.
    [[nodiscard]] TaskState* take(std::size_t count) noexcept;
    /// Gives a chain back.
    void give(TaskState& first) noexcept;

private:
    friend class RecordWalk;

    RecordPool() = default;

    struct Slab;
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
    RecordPool::Slab* slab_;
    std::size_t at_ = 0;
};

/// A worker's own free records: no lock.
class RecordCache {
public:
    RecordCache() = default;
    RecordCache(const RecordCache&) = delete;
    RecordCache& operator=(const RecordCache&) = delete;
    ~RecordCache();

    [[nodiscard]] TaskState* take() noexcept {
        if (free_ == nullptr && !refill()) [[unlikely]] {
            return nullptr;
        }
        TaskState* const record = free_;
        free_ = static_cast<TaskState*>(record->Runnable::next);
        --count_;
        return record;
    }
    void give(TaskState& record) noexcept {
        record.Runnable::next = free_;
        free_ = &record;
        if (++count_ > kMost) [[unlikely]] {
            spill();
        }
    }

private:
    static constexpr std::size_t kMost = 512;
    static constexpr std::size_t kBatch = 128;

    bool refill() noexcept;
    void spill() noexcept;

    TaskState* free_ = nullptr;
    std::size_t count_ = 0;
};

}  // namespace weft::rt
