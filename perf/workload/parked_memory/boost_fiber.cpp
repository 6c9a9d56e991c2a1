#include <sys/mman.h>

#include <boost/context/fixedsize_stack.hpp>
#include <boost/fiber/all.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>

#include "fibers.hpp"
#include "support/run.hpp"

namespace weft::perf {
namespace {

namespace bf = boost::fibers;

constexpr std::size_t kStackBytes = 16 * 1024;

/// Stacks without a guard: with one each, there may be no more than 32,000.
struct MappedStacks {
    using traits_type = boost::context::stack_traits;

    boost::context::stack_context allocate() {
        void* const bottom =
            mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (bottom == MAP_FAILED) {
            throw std::bad_alloc();
        }
        boost::context::stack_context stack;
        stack.size = kStackBytes;
        stack.sp = static_cast<char*>(bottom) + kStackBytes;
        return stack;
    }
    void deallocate(boost::context::stack_context& stack) {
        munmap(static_cast<char*>(stack.sp) - stack.size, stack.size);
    }
};

void park_tasks(Run& run) {
    const std::int64_t tasks = run.size("tasks");
    with_fibers(run, [&] {
        std::int64_t parked = 0;
        const double before = resident_bytes();
        for (std::int64_t i = 0; i < tasks; ++i) {
            bf::fiber(std::allocator_arg, MappedStacks(), [&] {
                ++parked;
                boost::this_fiber::sleep_for(std::chrono::hours(1));
            }).detach();
        }
        while (parked < tasks) {
            boost::this_fiber::yield();
        }
        const double bytes = (resident_bytes() - before) / static_cast<double>(tasks);
        std::printf("M memory %.3f bytes\n", bytes);
        std::fflush(stdout);
        std::_Exit(0);  // a fiber cannot be cancelled
    });
}

const bool added = add_peer("parked_memory", &park_tasks);

}  // namespace
}  // namespace weft::perf
