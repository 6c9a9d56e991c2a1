#include <gtest/gtest.h>

#include <cstdint>
#include <new>
#include <weft/runtime.hpp>

#include "failing_memory.hpp"

// Goal: a runtime that gets no memory while it is made leaves nothing behind. Nothing is made after
// it: what it left would be taken over by the next one, whose loops get the same addresses.

namespace weft::test {
namespace {

RuntimeOptions unpinned_pair() {
    RuntimeOptions options;
    options.workers = 2;
    options.pin = Pin::None;
    return options;
}

/// How many requests were made, and blocks were left, when the one of that number was refused.
struct Refused {
    std::uint64_t asked = 0;
    std::int64_t left = 0;
    bool threw = false;
};
Refused make_runtime_refusing(std::uint64_t number) {
    Refused result;
    const std::int64_t before = live_blocks();
    refuse_memory({number, number});
    try {
        const Runtime runtime(unpinned_pair());
        result.asked = allow_memory().asked;
    } catch (const std::bad_alloc&) {
        result.asked = allow_memory().asked;
        result.threw = true;
    }
    result.left = live_blocks() - before;
    return result;
}

TEST(RefusedRuntime, LeavesNothing) {
    constexpr std::uint64_t kNone = ~std::uint64_t{0};
    static_cast<void>(make_runtime_refusing(kNone));  // what the process keeps for good
    const Refused whole = make_runtime_refusing(kNone);
    ASSERT_EQ(whole.left, 0);
    int threw = 0;
    for (std::uint64_t number = 1; number <= whole.asked; ++number) {
        const Refused refused = make_runtime_refusing(number);
        EXPECT_LE(refused.left, 0) << "request " << number << " of " << whole.asked;
        threw += refused.threw ? 1 : 0;
    }
    EXPECT_GT(threw, 10);
}

}  // namespace
}  // namespace weft::test
