#include "task/record_pool.hpp"

#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace weft::rt {
namespace {

constexpr std::size_t kRecordsPerSlab = 64;

TaskState* following(const TaskState& record) noexcept {
    return static_cast<TaskState*>(record.Runnable::next);
}

}  // namespace

struct RecordPool::Shelf {
    std::mutex mutex;
    TaskState* free = nullptr;
    std::vector<TaskState*> slabs;

    /// With the mutex. False without memory; then nothing has changed.
    bool grow() noexcept {
        auto* const slab = static_cast<TaskState*>(::operator new[](
            kRecordsPerSlab * sizeof(TaskState),
            std::align_val_t{TaskState::kRecordBytes},
            std::nothrow
        ));
        if (slab == nullptr) {
            return false;
        }
        try {
            slabs.push_back(slab);
        } catch (const std::bad_alloc&) {
            ::operator delete[](slab, std::align_val_t{TaskState::kRecordBytes});
            return false;
        }
        for (std::size_t i = kRecordsPerSlab; i-- > 0;) {
            auto* const record = new (&slab[i]) TaskState;
            record->Runnable::next = free;
            free = record;
        }
        return true;
    }
};

RecordPool& RecordPool::shared() noexcept {
    static RecordPool pool;
    return pool;
}

RecordPool::Shelf& RecordPool::shelf() noexcept {
    // Never destroyed: handles of tasks may outlive every static.
    static Shelf* const shelf = new Shelf;
    return *shelf;
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

void RecordPool::for_each(const std::function<void(TaskState&)>& visit) {
    std::vector<TaskState*> slabs;
    {
        Shelf& from = shelf();
        const std::lock_guard lock(from.mutex);
        slabs = from.slabs;
    }
    for (TaskState* const slab : slabs) {
        for (std::size_t i = 0; i < kRecordsPerSlab; ++i) {
            TaskState& record = slab[i];
            if (!record.try_add_ref()) {
                continue;
            }
            const auto reference = detail::Ref<detail::FutureState>::adopt(&record);
            if (!record.done()) {
                visit(record);
            }
        }
    }
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
