#include "failing_memory.hpp"

#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>

#include "fiber/sanitizer.hpp"

namespace weft::test {
namespace {

std::atomic<bool> refusals_in_force{false};
std::atomic<std::uint64_t> first_refused{0};
std::atomic<std::uint64_t> last_refused{0};
std::atomic<std::uint64_t> asked_count{0};
std::atomic<std::uint64_t> refused_count{0};
std::atomic<std::int64_t> live_count{0};
std::atomic<bool> refusals_shown{false};

/// Counts a request; true when it is to be refused.
bool is_refused() noexcept {
    if (!refusals_in_force.load(std::memory_order_acquire)) {
        return false;
    }
    const std::uint64_t number = asked_count.fetch_add(1, std::memory_order_relaxed) + 1;
    if (number < first_refused.load(std::memory_order_relaxed) ||
        number > last_refused.load(std::memory_order_relaxed)) {
        return false;
    }
    refused_count.fetch_add(1, std::memory_order_relaxed);
    if (refusals_shown.load(std::memory_order_relaxed)) {
        std::array<void*, 40> frames{};
        const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
        ::backtrace_symbols_fd(frames.data(), count, STDERR_FILENO);
        static_cast<void>(::write(STDERR_FILENO, "\n", 1));
    }
    return true;
}

/// Null when refused. Alignment 0: the usual one.
void* take_block(std::size_t bytes, std::size_t alignment) noexcept {
    if (is_refused()) {
        return nullptr;
    }
    void* block = nullptr;
    if (alignment == 0) {
        block = std::malloc(std::max(bytes, std::size_t{1}));
    } else if (::posix_memalign(&block, std::max(alignment, sizeof(void*)), bytes) != 0) {
        block = nullptr;
    }
    if (block != nullptr) {
        live_count.fetch_add(1, std::memory_order_relaxed);
    }
    return block;
}

void* take_block_or_throw(std::size_t bytes, std::size_t alignment) {
    void* const block = take_block(bytes, alignment);
    if (block == nullptr) {
        throw std::bad_alloc();
    }
    return block;
}

void give_block(void* block) noexcept {
    if (block != nullptr) {
        live_count.fetch_sub(1, std::memory_order_relaxed);
        std::free(block);
    }
}

}  // namespace

void refuse_memory(Refusals refusals) noexcept {
    asked_count = 0;
    refused_count = 0;
    first_refused = refusals.first;
    last_refused = refusals.last;
    refusals_in_force.store(true, std::memory_order_release);
}

MemoryCount allow_memory() noexcept {
    refusals_in_force = false;
    return {asked_count, refused_count};
}

std::int64_t live_blocks() noexcept {
    return live_count.load(std::memory_order_relaxed);
}

void show_refusals() noexcept {
    std::array<void*, 1> frame{};
    static_cast<void>(::backtrace(frame.data(), 1));  // the first asks for memory
    refusals_shown = true;
}

}  // namespace weft::test

// ---------------------------------------------------------------------------------------------
// In the place of the language's and libc's, for the whole program

using weft::test::give_block;
using weft::test::take_block;
using weft::test::take_block_or_throw;

void* operator new(std::size_t bytes) {
    return take_block_or_throw(bytes, 0);
}
void* operator new[](std::size_t bytes) {
    return take_block_or_throw(bytes, 0);
}
void* operator new(std::size_t bytes, const std::nothrow_t& /*tag*/) noexcept {
    return take_block(bytes, 0);
}
void* operator new[](std::size_t bytes, const std::nothrow_t& /*tag*/) noexcept {
    return take_block(bytes, 0);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return take_block_or_throw(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
    return take_block_or_throw(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(
    std::size_t bytes, std::align_val_t alignment, const std::nothrow_t& /*tag*/
) noexcept {
    return take_block(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](
    std::size_t bytes, std::align_val_t alignment, const std::nothrow_t& /*tag*/
) noexcept {
    return take_block(bytes, static_cast<std::size_t>(alignment));
}

void operator delete(void* block) noexcept {
    give_block(block);
}
void operator delete[](void* block) noexcept {
    give_block(block);
}
void operator delete(void* block, std::size_t /*bytes*/) noexcept {
    give_block(block);
}
void operator delete[](void* block, std::size_t /*bytes*/) noexcept {
    give_block(block);
}
void operator delete(void* block, std::align_val_t /*alignment*/) noexcept {
    give_block(block);
}
void operator delete[](void* block, std::align_val_t /*alignment*/) noexcept {
    give_block(block);
}
void operator delete(void* block, std::size_t /*bytes*/, std::align_val_t /*alignment*/) noexcept {
    give_block(block);
}
void operator delete[](
    void* block, std::size_t /*bytes*/, std::align_val_t /*alignment*/
) noexcept {
    give_block(block);
}
void operator delete(void* block, const std::nothrow_t& /*tag*/) noexcept {
    give_block(block);
}
void operator delete[](void* block, const std::nothrow_t& /*tag*/) noexcept {
    give_block(block);
}
void operator delete(
    void* block, std::align_val_t /*alignment*/, const std::nothrow_t& /*tag*/
) noexcept {
    give_block(block);
}
void operator delete[](
    void* block, std::align_val_t /*alignment*/, const std::nothrow_t& /*tag*/
) noexcept {
    give_block(block);
}

#if !WEFT_ASAN && !WEFT_TSAN  // they intercept these themselves

// libc's own calls of these do not come here.

extern "C" void* mmap(
    void* address, std::size_t bytes, int protection, int flags, int descriptor, off_t offset
) noexcept {
    if (weft::test::is_refused()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    // SAFETY: what the system call returns is an address; on an error syscall() gives -1.
    return reinterpret_cast<void*>(
        ::syscall(SYS_mmap, address, bytes, protection, flags, descriptor, offset)
    );
}

extern "C" void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
    void* block = nullptr;
    if (weft::test::is_refused() ||
        ::posix_memalign(&block, std::max(alignment, sizeof(void*)), bytes) != 0) {
        return nullptr;
    }
    return block;
}

extern "C" int pthread_create(
    pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*), void* argument
) noexcept {
    using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
    static const auto create = reinterpret_cast<Create>(::dlsym(RTLD_NEXT, "pthread_create"));
    return weft::test::is_refused() ? EAGAIN : create(thread, attributes, start, argument);
}

#endif
