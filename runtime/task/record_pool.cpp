#include "task/record_pool.hpp"

#include <cstddef>
#include <mutex>
#include <new>

#include "base/never_destroyed.hpp"

namespace weft::rt {
namespace {

constexpr std::size_t kRecordsPerSlab = 64;

TaskState* following(const TaskState& record) noexcept {
    return static_cast<TaskState*>(record.Runnable::next);
}

}  // namespace

/// Never changed once it is on the shelf. No two records share a cache line.
struct alignas(TaskState::kRecordBytes) RecordPool::Slab {
    TaskState records[kRecordsPerSlab];
    Slab* next = nullptr;
};

struct RecordPool::Shelf {
    std::mutex mutex;
    TaskState* free = nullptr;
    Slab* slabs = nullptr;

    /// With the mutex. False without memory.
    bool grow() noexcept {
        auto* const slab = new (std::nothrow) Slab;
        if (slab == nullptr) {
            return false;
        }
        slab->next = slabs;
        slabs = slab;
        for (std::size_t i = kRecordsPerSlab; i-- > 0;) {
            slab->records[i].Runnable::next = free;
            free = &slab->records[i];
        }
        return true;
    }
};

RecordPool& RecordPool::shared() noexcept {
    static RecordPool pool;
    return pool;
}

RecordPool::Shelf& RecordPool::shelf() noexcept {
    static NeverDestroyed<Shelf> shelf;  // handles of tasks may outlive every static
    return shelf.get();
}

TaskState* RecordPool::take(std::size_t count) noexcept {
    Shelf& from = shelf();
    const std::lock_guard lock(from.mutex);
    TaskState* first = nullptr;
    for (std::size_t i = 0; i < count; ++i) {
        if (from.free == nullptr && !from.grow()) {
            break;
        }
        TaskState* const record = from.free;
        from.free = following(*record);
        record->Runnable::next = first;
        first = record;
    }
    return first;
}

void RecordPool::give(TaskState& first) noexcept {
    TaskState* last = &first;
    while (following(*last) != nullptr) {
        last = following(*last);
    }
    Shelf& to = shelf();
    const std::lock_guard lock(to.mutex);
    last->Runnable::next = to.free;
    to.free = &first;
}

RecordWalk::RecordWalk() noexcept {
    RecordPool::Shelf& shelf = RecordPool::shared().shelf();
    const std::lock_guard lock(shelf.mutex);
    slab_ = shelf.slabs;
}

detail::Ref<detail::FutureState> RecordWalk::next() noexcept {
    for (; slab_ != nullptr; slab_ = slab_->next, at_ = 0) {
        while (at_ < kRecordsPerSlab) {
            TaskState& record = slab_->records[at_++];
            if (!record.try_add_ref()) {
                continue;
            }
            auto reference = detail::Ref<detail::FutureState>::adopt(&record);
            if (!record.done()) {
                return reference;
            }
        }
    }
    return {};
}

RecordCache::~RecordCache() {
    if (free_ != nullptr) {
        RecordPool::shared().give(*free_);
    }
}

bool RecordCache::refill() noexcept {
    TaskState* const chain = RecordPool::shared().take(kBatch);
    for (TaskState* record = chain; record != nullptr; record = following(*record)) {
        ++count_;
    }
    free_ = chain;
    return chain != nullptr;
}

void RecordCache::spill() noexcept {
    TaskState* const first = free_;
    TaskState* last = first;
    for (std::size_t i = 1; i < kBatch; ++i) {
        last = following(*last);
    }
    free_ = following(*last);
    last->Runnable::next = nullptr;
    count_ -= kBatch;
    RecordPool::shared().give(*first);
}

}  // namespace weft::rt
