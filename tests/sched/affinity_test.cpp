#include "sched/affinity.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace weft::rt {
namespace {

TEST(CpuLists, AreReadAndWritten) {
    EXPECT_EQ(parse_cpu_list("0-3,6"), (CpuList{0, 1, 2, 3, 6}));
    EXPECT_EQ(parse_cpu_list("7,1,1-2"), (CpuList{1, 2, 7}));
    EXPECT_EQ(parse_cpu_list("5-5"), CpuList{5});
    EXPECT_EQ(format_cpu_list({0, 1, 2, 3, 6}), "0-3,6");
    EXPECT_EQ(format_cpu_list({1, 3, 4}), "1,3-4");
    EXPECT_EQ(format_cpu_list({}), "");
}

TEST(CpuLists, GarbageIsRefused) {
    for (const char* const text :
         {"",
          ",",
          "a",
          "1,",
          ",1",
          "-1",
          "1-",
          "3-1",
          "1--2",
          "1-2-3",
          "0x1",
          " 1",
          "1 ",
          "1;2",
          "99999999999",
          "0-4294967296",
          "65536"}) {
        EXPECT_EQ(parse_cpu_list(text), std::nullopt) << '"' << text << '"';
    }
}

TEST(ThreadAffinity, IsSavedAndGivenBack) {
    const auto before = thread_affinity();
    ASSERT_TRUE(before);
    ASSERT_FALSE(before->empty());
    {
        const SavedAffinity saved;
        ASSERT_FALSE(set_thread_affinity({before->back()}));
        EXPECT_EQ(thread_affinity(), CpuList{before->back()});
    }
    EXPECT_EQ(thread_affinity(), before);
}

TEST(ThreadAffinity, SaysWhenTheCpuIsNotThere) {
    const auto before = thread_affinity();
    EXPECT_EQ(set_thread_affinity({60000}), std::errc::invalid_argument);
    EXPECT_EQ(thread_affinity(), before);
}

}  // namespace
}  // namespace weft::rt
