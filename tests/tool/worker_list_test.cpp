#include "worker_list.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace weft::tool {
namespace {

TEST(WorkerLists, AreNumbersAndRanges) {
    EXPECT_EQ(parse_worker_list("3", 8), (WorkerList{3}));
    EXPECT_EQ(parse_worker_list("1..4", 8), (WorkerList{1, 2, 3, 4}));
    EXPECT_EQ(parse_worker_list("1,2,4", 8), (WorkerList{1, 2, 4}));
    EXPECT_EQ(parse_worker_list("8,1..3,2", 8), (WorkerList{1, 2, 3, 8}));
    EXPECT_EQ(parse_worker_list("1..N", 3), (WorkerList{1, 2, 3}));
    EXPECT_EQ(parse_worker_list("1,N", 1), (WorkerList{1}));
    EXPECT_EQ(parse_worker_list("5..5", 1), (WorkerList{5}));
}

// Goal: an error names the part that is wrong, the whole, and what was expected.
TEST(WorkerLists, ErrorsNameTheInput) {
    for (const std::string bad :
         {"",
          "0",
          "-1",
          "1..",
          "..4",
          "4..1",
          "1...3",
          "two",
          "1,,2",
          "1, 2",
          "1.5",
          "2000",
          "n",
          "99999999999",
          "1..4x",
          ","}) {
        try {
            static_cast<void>(parse_worker_list(bad, 4));
            ADD_FAILURE() << "'" << bad << "' was taken";
        } catch (const std::invalid_argument& error) {
            const std::string text = error.what();
            EXPECT_NE(text.find("1..4"), std::string::npos) << text;
            EXPECT_NE(text.find(bad), std::string::npos) << text;
        }
    }
    try {
        static_cast<void>(parse_worker_list("1..3,x", 4));
        ADD_FAILURE();
    } catch (const std::invalid_argument& error) {
        EXPECT_TRUE(std::string(error.what()).starts_with("'x' in '1..3,x'")) << error.what();
    }
}

TEST(WorkerLists, AreWrittenAsRanges) {
    EXPECT_EQ(format_worker_list({}), "");
    EXPECT_EQ(format_worker_list({1}), "1");
    EXPECT_EQ(format_worker_list({1, 2, 3, 8}), "1..3, 8");
    EXPECT_EQ(format_worker_list({2, 4, 5}), "2, 4..5");
}

}  // namespace
}  // namespace weft::tool
