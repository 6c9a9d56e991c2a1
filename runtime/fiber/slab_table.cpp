#include "fiber/slab_table.hpp"

#include <array>
#include <cstdint>
#include <mutex>
#include <new>

#include "base/atomic.hpp"
#include "base/check.hpp"

namespace weft::rt {
namespace {

// Edges (every acquire names the release it reads from):
//   grow   free_entry: store used            ->  locate: load used           the chunk is there,
//   zeroed entry  publish_slab: store entry.begin   ->  locate: load entry.begin    stride and
//   stacks stand
//   again  publish_slab: store entry.stride, stacks  ->  locate: loads of them    who sees one of a
//                                            later slab sees, in its second look, that begin has gone
// An entry is reused only after its slab was unmapped: whoever asks about such an address gets an
// answer that was true a moment ago, or none.

struct Entry {
    Atomic<std::byte*> begin{nullptr};  // nullptr: free
    Atomic<std::size_t> stride{0};
    Atomic<std::size_t> stacks{0};
};

// Chunk k holds 64 << k entries, so that 20 chunks are enough for any address space and none is
// ever moved. They are never freed: a handler may be looking.
constexpr std::size_t kFirstChunk = 64;
constexpr std::size_t kChunks = 20;

struct Table {
    std::array<Atomic<Entry*>, kChunks> chunks{};
    Atomic<std::size_t> used{0};  // entries that were ever in use
    std::mutex mutex;             // guards what follows, and all writing
    std::size_t free_entries = 0;
};

constinit Table table;

struct Place {
    std::size_t chunk;
    std::size_t offset;
};

Place place_of(std::size_t index) noexcept {
    Place place{0, index};
    while (place.offset >= kFirstChunk << place.chunk) {
        place.offset -= kFirstChunk << place.chunk;
        ++place.chunk;
    }
    return place;
}

Entry& entry_at(std::size_t index) noexcept {
    const Place place = place_of(index);
    return table.chunks[place.chunk].load(relaxed)[place.offset];
}

/// An entry that is free, also a new one; nullptr when memory is refused. Under the mutex.
Entry* free_entry() noexcept {
    const std::size_t used = table.used.load(relaxed);  // only written under the mutex
    if (table.free_entries > 0) {
        for (std::size_t i = 0; i < used; ++i) {
            if (entry_at(i).begin.load(relaxed) == nullptr) {
                --table.free_entries;
                return &entry_at(i);
            }
        }
    }
    const Place place = place_of(used);
    WEFT_CHECK(place.chunk < kChunks, "more slabs than addresses");
    if (place.offset == 0 && table.chunks[place.chunk].load(relaxed) == nullptr) {
        auto* const entries = new (std::nothrow) Entry[kFirstChunk << place.chunk];
        if (entries == nullptr) {
            return nullptr;
        }
        table.chunks[place.chunk].store(entries, relaxed);
    }
    table.used.store(used + 1, release);  // grow
    return &entry_at(used);
}

struct Location {
    std::byte* slab = nullptr;
    std::size_t stride = 0;
    std::size_t number = 0;
    std::size_t offset = 0;  // of the address, in its stack's region
};

Location locate(const void* address) noexcept {
    const auto wanted = reinterpret_cast<std::uintptr_t>(address);
    const std::size_t used = table.used.load(acquire);  // grow
    for (std::size_t i = 0; i < used; ++i) {
        const Entry& entry = entry_at(i);
        std::byte* const begin = entry.begin.load(acquire);     // entry
        const std::size_t stride = entry.stride.load(acquire);  // again
        const std::size_t stacks = entry.stacks.load(acquire);  // again
        const std::size_t distance = wanted - reinterpret_cast<std::uintptr_t>(begin);
        if (begin != nullptr && distance < stride * stacks && entry.begin.load(relaxed) == begin) {
            return {begin, stride, distance / stride, distance % stride};
        }
    }
    return {};
}

const Stack* stack_at(const Location& place) noexcept {
    // SAFETY: the header's page is mapped; it is all zero until the stack is made.
    const auto* const stack = std::launder(
        reinterpret_cast<const Stack*>(stack_header(place.slab, place.stride, place.number))
    );
    return stack->low != nullptr ? stack : nullptr;
}

}  // namespace

bool publish_slab(const SlabRange& range) noexcept {
    const std::lock_guard lock{table.mutex};
    Entry* const entry = free_entry();
    if (entry == nullptr) {
        return false;
    }
    entry->stride.store(range.stride, release);  // again
    entry->stacks.store(range.stacks, release);  // again
    entry->begin.store(range.begin, release);    // entry
    return true;
}

void retire_slab(std::byte* begin) noexcept {
    const std::lock_guard lock{table.mutex};
    const std::size_t used = table.used.load(relaxed);
    for (std::size_t i = 0; i < used; ++i) {
        if (entry_at(i).begin.load(relaxed) == begin) {
            entry_at(i).begin.store(nullptr, relaxed);  // a free entry tells readers nothing
            ++table.free_entries;
            return;
        }
    }
}

const Stack* find_stack(const void* address) noexcept {
    const Location place = locate(address);
    return place.slab != nullptr ? stack_at(place) : nullptr;
}

bool in_guard(const void* address, const Stack** stack) noexcept {
    *stack = nullptr;
    const Location place = locate(address);
    if (place.slab == nullptr || place.offset >= kGuardBytes) {
        return false;
    }
    *stack = stack_at(place);
    return true;
}

}  // namespace weft::rt
