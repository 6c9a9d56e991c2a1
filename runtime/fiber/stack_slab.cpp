#include "fiber/stack_slab.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
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

/// For what is only a matter of time or of memory: failure does not count.
void try_to_advise(std::span<const PageRange> pages, int advice) noexcept {
    static_cast<void>(
        usable_guards().process_madvise ? advise_together(pages, advice)
                                        : advise_each(pages, advice)
    );
}

std::byte* page_of(const Stack& stack) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(&stack);
    // SAFETY: the page that the header lies in.
    return reinterpret_cast<std::byte*>(address / kPageBytes * kPageBytes);
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
    for (std::uint64_t rest = slab->made; rest != 0; rest &= rest - 1) {
        const auto i = static_cast<std::size_t>(std::countr_zero(rest));
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
    Slab& slab, const StackLayout& layout, StackPool& pool, std::uint64_t which
) noexcept {
    std::array<PageRange, kStacksMax> tops;
    std::size_t count = 0;
    for (std::uint64_t rest = which; rest != 0; rest &= rest - 1) {
        const auto i = static_cast<std::size_t>(std::countr_zero(rest));
        tops[count++] = {slab.begin + (i + 1) * layout.stride - kPageBytes, kPageBytes};
    }
    try_to_advise(std::span{tops}.first(count), MADV_POPULATE_WRITE);

    Stack* head = nullptr;
    for (std::uint64_t rest = which; rest != 0;) {
        const auto i =
            static_cast<std::size_t>(std::bit_width(rest)) - 1;  // the first one ends up first
        rest &= ~(std::uint64_t{1} << i);
        std::byte* const header = stack_header(slab.begin, layout.stride, i);
        auto* const stack = new (header) Stack;
        stack->next = head;
        stack->guard_low = slab.begin + i * layout.stride;
        stack->low = stack->guard_low + kGuardBytes;
        stack->top = header;
        stack->pool = &pool;
        stack->slab = &slab;
        stack->number = static_cast<std::uint8_t>(i);
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

void trim_stacks(std::span<Stack* const> stacks) noexcept {
    std::array<PageRange, kTrimmedTogether> ranges;
    for (std::size_t i = 0; i < stacks.size(); ++i) {
        const Stack& stack = *stacks[i];
        std::byte* const low = stack.low + (stack.guard_kind == GuardKind::Canary ? kPageBytes : 0);
        ranges[i] = {low, static_cast<std::size_t>(page_of(stack) - low)};
    }
    try_to_advise(std::span{ranges}.first(stacks.size()), MADV_DONTNEED);
}

void unmake_stacks(std::span<Stack* const> stacks) noexcept {
    std::array<PageRange, kTrimmedTogether> ranges;
    for (std::size_t i = 0; i < stacks.size(); ++i) {
        Stack& stack = *stacks[i];
        ranges[i] = {stack.low, static_cast<std::size_t>(page_of(stack) + kPageBytes - stack.low)};
        forget_stack(stack);
        stack = Stack{};  // also where the page stays
    }
    try_to_advise(std::span{ranges}.first(stacks.size()), MADV_DONTNEED);
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
