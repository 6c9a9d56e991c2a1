#include "fiber/stack_slab.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>

#include "base/posix.hpp"
#include "fiber/sanitizer.hpp"
#include "fiber/slab_table.hpp"

#if WEFT_TSAN
#include "base/atomic.hpp"
#endif

namespace weft::rt {
namespace {

constexpr std::size_t kSlabBytes = std::size_t{16} * 1024 * 1024;
constexpr std::size_t kStacksMax = 64;
constexpr std::size_t kStacksMin = 4;
constexpr std::size_t kUsableMin = std::size_t{16} * 1024;

std::size_t whole_pages(std::size_t bytes) noexcept {
    return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

void guard_slab(Slab& slab, const StackLayout& layout, GuardKinds allowed) noexcept {
    std::array<PageRange, kStacksMax> ranges;
    for (std::size_t i = 0; i < layout.stacks_per_slab; ++i) {
        ranges[i] = {slab.begin + i * layout.stride, kGuardBytes};
    }
    slab.guard_kind = install_guards(std::span{ranges}.first(layout.stacks_per_slab), allowed);
}

/// Makes pages resident before they are touched. Only a matter of time: failure does not count.
void populate(std::span<const PageRange> pages) noexcept {
    static_cast<void>(
        usable_guards().process_madvise ? advise_together(pages, MADV_POPULATE_WRITE)
                                        : advise_each(pages, MADV_POPULATE_WRITE)
    );
}

#if WEFT_TSAN
// Below TSan's own limit, which ends the process, by as many as threads may need.
constexpr std::size_t kTsanFibersMax = 7500;
Atomic<std::size_t> tsan_fibers{0};  // a plain count, no edge
#endif

/// Undoes what make_stacks() and enter_service() told the tools.
void forget_stack(Stack& stack) noexcept {
#if WEFT_TSAN
    if (stack.tsan_fiber != nullptr) {
        __tsan_destroy_fiber(stack.tsan_fiber);
        tsan_fibers.fetch_sub(1, relaxed);
    }
#endif
#if WEFT_VALGRIND
    VALGRIND_STACK_DEREGISTER(stack.valgrind_id);
#endif
    static_cast<void>(stack);
}

}  // namespace

StackLayout::StackLayout(std::size_t usable_bytes) noexcept
    : stride((kGuardBytes + whole_pages(std::max(usable_bytes, kUsableMin))) | kPageBytes),
      stacks_per_slab(std::clamp(kSlabBytes / stride, kStacksMin, kStacksMax)) {}

Slab* map_slab(const StackLayout& layout, GuardKinds allowed) noexcept {
    auto* const slab = new (std::nothrow) Slab;
    if (slab == nullptr) {
        return nullptr;
    }
    void* const memory = ::mmap(
        nullptr,
        layout.slab_bytes(),
        PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
        -1,
        0
    );
    if (memory == MAP_FAILED) {
        delete slab;
        return nullptr;
    }
    slab->begin = static_cast<std::byte*>(memory);
    // A huge page would make 64 KiB resident for a parked task. A kernel without huge pages refuses
    // the advice, and is right.
    ::madvise(memory, layout.slab_bytes(), MADV_NOHUGEPAGE);
    guard_slab(*slab, layout, allowed);
    if (!publish_slab({slab->begin, layout.stride, layout.stacks_per_slab})) {
        unmap_slab(slab, layout);
        return nullptr;
    }
    return slab;
}

void unmap_slab(Slab* slab, const StackLayout& layout) noexcept {
    retire_slab(slab->begin);
    for (std::size_t i = 0; i < slab->made; ++i) {
        // SAFETY: make_stacks() put a Stack at each of these places.
        forget_stack(
            *std::launder(reinterpret_cast<Stack*>(stack_header(slab->begin, layout.stride, i)))
        );
    }
#if WEFT_ASAN
    ASAN_UNPOISON_MEMORY_REGION(slab->begin, layout.slab_bytes());
#endif
    ::munmap(slab->begin, layout.slab_bytes());
    forget_guards(slab->guard_kind, layout.stacks_per_slab);
    delete slab;
}

Stack* make_stacks(
    const Slab& slab,
    const StackLayout& layout,
    StackPool& pool,
    std::size_t first,
    std::size_t count
) noexcept {
    std::array<PageRange, kStacksMax> tops;
    for (std::size_t i = 0; i < count; ++i) {
        tops[i] = {slab.begin + (first + i + 1) * layout.stride - kPageBytes, kPageBytes};
    }
    populate(std::span{tops}.first(count));

    Stack* head = nullptr;
    for (std::size_t i = first + count; i-- > first;) {
        std::byte* const header = stack_header(slab.begin, layout.stride, i);
        auto* const stack = new (header) Stack;
        stack->next = head;
        stack->guard_low = slab.begin + i * layout.stride;
        stack->low = stack->guard_low + kGuardBytes;
        stack->top = header;
        stack->pool = &pool;
        stack->guard_kind = slab.guard_kind;
#if WEFT_VALGRIND
        stack->valgrind_id = VALGRIND_STACK_REGISTER(stack->low, stack->top);
#endif
        if (slab.guard_kind == GuardKind::Canary) {
            write_canary(*stack);
        }
        head = stack;
    }
    return head;
}

bool enter_service(Stack& stack) noexcept {
#if WEFT_ASAN
    stack.fake_stack = nullptr;
    ASAN_UNPOISON_MEMORY_REGION(stack.low, stack.size_bytes());
    __lsan_register_root_region(stack.low, stack.size_bytes());
#endif
#if WEFT_TSAN
    if (stack.tsan_fiber == nullptr) {
        if (tsan_fibers.fetch_add(1, relaxed) >= kTsanFibersMax) {
            tsan_fibers.fetch_sub(1, relaxed);
            return false;
        }
        stack.tsan_fiber = __tsan_create_fiber(0);
        __tsan_set_fiber_name(stack.tsan_fiber, "weft");
    }
#endif
    static_cast<void>(stack);
    return true;
}

void leave_service(Stack& stack) noexcept {
#if WEFT_ASAN
    __lsan_unregister_root_region(stack.low, stack.size_bytes());
#endif
    static_cast<void>(stack);
}

}  // namespace weft::rt
