#include "task/record_pool.hpp"

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <new>
#include <utility>

#include "base/large_block.hpp"
#include "base/never_destroyed.hpp"

namespace weft::rt {
namespace {

constexpr std::size_t kRecordBytes = TaskState::kRecordBytes;
constexpr std::size_t kFirstSlab = 64;                               // records
constexpr std::size_t kLargestSlab = kHugePageBytes / kRecordBytes;  // likewise
// From here on on huge pages: by then one that is not used up is little beside the others.
constexpr std::size_t kHugeFrom = 2 * kLargestSlab;
// Records that are made resident by one call. Each page fault more is 10 to 20 us here.
constexpr std::size_t kPopulated = 256;

static_assert(TaskState::kInlineBytes >= 8 * sizeof(void*), "tables of eight");

TaskState* following(const TaskState& record) noexcept {
    return static_cast<TaskState*>(record.Runnable::next);
}

/// Brings a record that will be used soon.
void foresee(const TaskState& record) noexcept {
    for (std::size_t line = 0; line < kRecordBytes; line += 64) {
        __builtin_prefetch(reinterpret_cast<const std::byte*>(&record) + line, 1);
    }
}

}  // namespace

struct RecordPool::Slab {
    TaskState* records = nullptr;  // no two share a cache line
    std::size_t capacity = 0;
    std::size_t made = 0;  // with the mutex
    Slab* next = nullptr;
};

/// Tables of records. It stands in the body of its first record, and each table in that of its own last
/// one: a free record has no body.
struct RecordPool::Crate {
    static constexpr std::size_t kPerTable = 8;
    static constexpr std::size_t kTables = kCrate / kPerTable;
    using Table = std::array<TaskState*, kPerTable>;
    static_assert(sizeof(Table) <= TaskState::kInlineBytes);

    Crate* next;
    std::array<Table*, kTables> tables;

    [[nodiscard]] static Crate* pack(std::span<TaskState* const, kCrate> records) noexcept {
        static_assert(sizeof(Crate) <= TaskState::kInlineBytes);
        auto* const crate = new (records[0]->inline_body()) Crate{};
        for (std::size_t i = 0; i < kTables; ++i) {
            const auto part = records.subspan(i * kPerTable).first<kPerTable>();
            auto* const table = new (part.back()->inline_body()) Table;
            std::ranges::copy(part, table->begin());
            crate->tables[i] = table;
        }
        return crate;
    }
    void unpack(std::span<TaskState*, kCrate> records) const noexcept {
        for (const Table* const table : tables) {
            __builtin_prefetch(table);
        }
        for (std::size_t i = 0; i < kTables; ++i) {
            std::ranges::copy(*tables[i], records.subspan(i * kPerTable).begin());
        }
    }
};

struct RecordPool::Shelf {
    std::mutex mutex;  // guards what follows
    Crate* crates = nullptr;
    TaskState* loose = nullptr;  // through Runnable::next
    Slab* slabs = nullptr;       // the newest first: only that has records that were not made yet
    std::size_t records = 0;     // of all slabs

    // ---- with the mutex

    [[nodiscard]] Crate* pop_crate() noexcept {
        return crates == nullptr ? nullptr : std::exchange(crates, crates->next);
    }
    [[nodiscard]] TaskState* pop_loose() noexcept {
        return loose == nullptr ? nullptr : std::exchange(loose, following(*loose));
    }
    void push_loose(TaskState& record) noexcept {
        record.Runnable::next = std::exchange(loose, &record);
    }

    /// A new record; nullptr without memory.
    [[nodiscard]] TaskState* make() noexcept {
        if ((slabs == nullptr || slabs->made == slabs->capacity) && !add_slab()) {
            return nullptr;
        }
        TaskState* const place = slabs->records + slabs->made;
        if (slabs->made % kPopulated == 0 && slabs->capacity >= kPopulated) {
            populate_block(place, kPopulated * kRecordBytes);
        }
        auto* const record = new (place) TaskState;
        ++slabs->made;
        return record;
    }
    [[nodiscard]] bool add_slab() noexcept {
        const std::size_t capacity = std::clamp(records, kFirstSlab, kLargestSlab);
        const bool huge = records >= kHugeFrom && capacity == kLargestSlab;
        auto* const slab = new (std::nothrow) Slab;
        void* const memory =
            slab == nullptr ? nullptr : allocate_block(capacity * kRecordBytes, huge);
        if (memory == nullptr) {
            delete slab;
            return false;
        }
        slab->records = static_cast<TaskState*>(memory);
        slab->capacity = capacity;
        slab->next = slabs;
        slabs = slab;
        records += capacity;
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

TaskState* RecordPool::take() noexcept {
    Shelf& from = shelf();
    const std::lock_guard lock(from.mutex);
    if (TaskState* const record = from.pop_loose(); record != nullptr) {
        return record;
    }
    if (const Crate* const crate = from.pop_crate(); crate != nullptr) {
        std::array<TaskState*, kCrate> records{};
        crate->unpack(records);
        for (TaskState* const record : std::span(records).subspan<1>()) {
            from.push_loose(*record);
        }
        return records[0];
    }
    return from.make();
}

void RecordPool::give(TaskState& record) noexcept {
    Shelf& to = shelf();
    const std::lock_guard lock(to.mutex);
    to.push_loose(record);
}

std::size_t RecordPool::take_crate(std::span<TaskState*, kCrate> records) noexcept {
    Shelf& from = shelf();
    const Crate* crate = nullptr;
    {
        const std::lock_guard lock(from.mutex);
        crate = from.pop_crate();
        if (crate == nullptr) {
            std::size_t count = 0;
            while (count < kCrate) {
                TaskState* const old = from.pop_loose();
                records[count] = old != nullptr ? old : from.make();
                if (records[count] == nullptr) {
                    break;
                }
                ++count;
            }
            std::ranges::reverse(records.first(count));  // in the order of their addresses
            return count;
        }
    }
    crate->unpack(records);
    return kCrate;
}

void RecordPool::give_crate(std::span<TaskState* const, kCrate> records) noexcept {
    Crate* const crate = Crate::pack(records);
    Shelf& to = shelf();
    const std::lock_guard lock(to.mutex);
    crate->next = std::exchange(to.crates, crate);
}

RecordWalk::RecordWalk() noexcept {
    RecordPool::Shelf& shelf = RecordPool::shared().shelf();
    const std::lock_guard lock(shelf.mutex);
    slab_ = shelf.slabs;
    made_ = slab_ != nullptr ? slab_->made : 0;
}

/// Only the newest slab has records that were not made yet, and the walk begins there.
void RecordWalk::leave_slab() noexcept {
    slab_ = slab_->next;
    made_ = slab_ != nullptr ? slab_->capacity : 0;
    at_ = 0;
}

detail::Ref<detail::FutureState> RecordWalk::next() noexcept {
    for (; slab_ != nullptr; leave_slab()) {
        while (at_ < made_) {
            constexpr std::size_t kAhead = 16;
            if (at_ + kAhead < made_) {
                __builtin_prefetch(&slab_->records[at_ + kAhead]);
            }
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
    while (count_ > 0) {
        RecordPool::shared().give(*free_[--count_]);
    }
}

/// Sees to it that there is one to take, and that the next ones are on their way from memory.
bool RecordCache::take_cold() noexcept {
    constexpr std::size_t kAhead = 4;
    if (count_ == 0) {
        count_ = RecordPool::shared().take_crate(std::span(free_).first<RecordPool::kCrate>());
        if (count_ == 0) {
            return false;
        }
        for (std::size_t i = 1; i <= std::min(count_, kAhead); ++i) {
            foresee(*free_[count_ - i]);
        }
    }
    if (count_ > kAhead) {
        foresee(*free_[count_ - kAhead - 1]);
    }
    cold_ = count_ - 1;
    return true;
}

/// Gives those away that were not in use for longest.
void RecordCache::spill() noexcept {
    constexpr std::size_t kGiven = 4 * RecordPool::kCrate;
    const std::span<TaskState* const> coldest = std::span(free_).first<kGiven>();
    for (std::size_t i = 0; i < kGiven; i += RecordPool::kCrate) {
        RecordPool::shared().give_crate(coldest.subspan(i).first<RecordPool::kCrate>());
    }
    std::copy(free_.begin() + kGiven, free_.end(), free_.begin());
    count_ -= kGiven;
    cold_ -= std::min(cold_, kGiven);
}

}  // namespace weft::rt
