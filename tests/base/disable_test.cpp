#include "base/disable.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "support/log_capture.hpp"

namespace weft::test {
namespace {

TEST(WeftDisable, IsACommaList) {
    EXPECT_TRUE(rt::lists("a,hwloc,b", "a"));
    EXPECT_TRUE(rt::lists("a,hwloc,b", "hwloc"));
    EXPECT_TRUE(rt::lists("a,hwloc,b", "b"));
    EXPECT_FALSE(rt::lists("a,hwloc,b", "hw"));
    EXPECT_FALSE(rt::lists("", "hwloc"));
    EXPECT_FALSE(rt::lists(",,", "hwloc"));
}

// Goal: a word that means nothing is told, once, with those that would; a right one is not.
TEST(WeftDisableDeathTest, UnknownWordsAreTold) {
    const auto lines_about = [](const char* words) {
        ::setenv("WEFT_DISABLE", words, 1);
        const LogCapture log;
        rt::warn_of_unknown_facilities();
        rt::warn_of_unknown_facilities();
        const bool told = log.lines() == std::vector<std::string>{
                                             "warning: WEFT_DISABLE=hvloc,io is ignored: expected "
                                             "process_madvise, madvise, guard, "
                                             "mprotect, hugepage, membarrier, hwloc, cgroup"};
        std::_Exit(log.lines().empty() ? 0 : told ? 1 : 2);
    };
    EXPECT_EXIT(lines_about("guard,,hwloc,"), testing::ExitedWithCode(0), "");
    EXPECT_EXIT(lines_about("hvloc,guard,io"), testing::ExitedWithCode(1), "");
}

}  // namespace
}  // namespace weft::test
