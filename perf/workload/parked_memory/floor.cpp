#include <sys/mman.h>

#include <cstddef>
#include <new>

#include "peer.hpp"

namespace weft::perf {
namespace {

// A page of stack for each.
void touch_pages(Run& run) {
    const auto tasks = static_cast<std::size_t>(run.size("tasks"));
    constexpr std::size_t kStackBytes = 64 * 1024;
    const std::size_t bytes = tasks * kStackBytes;
    void* const memory = mmap(
        nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0
    );
    if (memory == MAP_FAILED || madvise(memory, bytes, MADV_NOHUGEPAGE) != 0) {
        throw std::bad_alloc();
    }
    const double before = resident_bytes();
    for (std::size_t i = 0; i < tasks; ++i) {
        static_cast<volatile char*>(memory)[((i + 1) * kStackBytes) - 1] = 1;
    }
    run.report("memory", (resident_bytes() - before) / static_cast<double>(tasks), "bytes");
}

const bool added = add_peer("parked_memory", &touch_pages);

}  // namespace
}  // namespace weft::perf
