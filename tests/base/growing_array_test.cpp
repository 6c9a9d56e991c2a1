#include "base/growing_array.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weft::rt {
namespace {

struct Element {
    std::uint64_t value;
    std::uint64_t rest[3];
};

// Goal: what was there stays where it is, at whatever size: through several blocks, also on huge pages.
TEST(GrowingArrayTest, NeverMovesWhatItHas) {
    constexpr std::size_t kMany = 400'000;  // 12 MiB
    GrowingArray<Element> array;
    std::vector<const Element*> places;
    for (std::size_t i = 0; i < kMany; ++i) {
        array.reserve(i + 1);
        ASSERT_GE(array.capacity(), i + 1);
        array[i].value = i;
        places.push_back(&array[i]);
    }
    for (std::size_t i = 0; i < kMany; ++i) {
        ASSERT_EQ(&array[i], places[i]);
        ASSERT_EQ(array[i].value, i);
    }
}

// Goal: what a heap of four ways compares at a time is on two cache lines.
TEST(GrowingArrayTest, KeepsFoursTogether) {
    GrowingArray<Element> array;
    for (std::size_t i = 0; i < 10'000; i += 4) {
        array.reserve(i + 1);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&array[i]) % (4 * sizeof(Element)), 0U);
        EXPECT_EQ(&array[i + 3], &array[i] + 3);
    }
}

TEST(GrowingArrayTest, GivesBackWhatIsFarTooMuch) {
    GrowingArray<Element> array;
    std::size_t size = 0;
    while (size < 100'000) {
        array.reserve(++size);
        array[size - 1].value = size;
    }
    const std::size_t full = array.capacity();
    array.shrink(full / 2);
    EXPECT_EQ(array.capacity(), full);
    for (const std::size_t kept : {20'000U, 100U, 65U, 64U, 10U, 1U}) {
        array.shrink(kept);
        EXPECT_LE(array.capacity(), 4 * kept + 200);
        ASSERT_GE(array.capacity(), kept);
        for (std::size_t i = 0; i < kept; ++i) {
            ASSERT_EQ(array[i].value, i + 1);
        }
    }
    array.shrink(0);
    EXPECT_EQ(array.capacity(), 192U);  // the first few places stay
    for (size = 0; size < 200'000;) {
        array.reserve(++size);
    }
    EXPECT_GE(array.capacity(), size);
}

}  // namespace
}  // namespace weft::rt
