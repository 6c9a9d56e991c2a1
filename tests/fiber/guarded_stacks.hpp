#pragma once

#include <gtest/gtest.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <vector>

#include "fiber/guard.hpp"
#include "fiber/stack_pool.hpp"

namespace weft::rt {

/// Whether a write to this byte would trap. A system call says so without a signal.
inline bool traps(std::byte* address) {
    return ::syscall(SYS_getrandom, address, 1, GRND_NONBLOCK) == -1 && errno == EFAULT;
}

inline std::vector<Stack*> take_many(StackCache& cache, std::size_t count) {
    std::vector<Stack*> stacks;
    for (std::size_t i = 0; i < count; ++i) {
        Stack* const stack = cache.take();
        if (stack == nullptr) {
            break;
        }
        stacks.push_back(stack);
    }
    return stacks;
}

inline void give_all(StackCache& cache, const std::vector<Stack*>& stacks) {
    for (Stack* const stack : stacks) {
        cache.give(stack);
    }
}

/// A kind of guard, and what has to be allowed to get it.
struct KindCase {
    GuardKind kind;
    GuardKinds allowed;
};

/// Pools whose stacks have each kind.
class StackGuards : public testing::TestWithParam<KindCase> {
protected:
    void SetUp() override {
        const GuardKinds& can = usable_guards();
        const GuardKinds& asked = GetParam().allowed;
        if ((asked.process_madvise && !can.process_madvise) || (asked.madvise && !can.madvise) ||
            (asked.mprotect && !can.mprotect)) {
            GTEST_SKIP() << "this kernel cannot";
        }
    }
};

}  // namespace weft::rt
