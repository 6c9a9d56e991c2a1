#include "workload_catalog.hpp"

#include <gtest/gtest.h>

#include <regex>
#include <stdexcept>
#include <string>

#include "support/workload.hpp"

namespace weft::tool {
namespace {

constexpr std::string_view kConfig = R"({
    "what": "made up", "unit": "ns", "metrics": ["create", "cancel"], "peers": ["other"],
    "cases": {
        "small": {"sizes": {"tasks": 8, "turns": 4000000, "depth": 20000}},
        "large": {
            "sizes": {"items": 60000}, "workers": [1, 4],
            "goal": {"1": 10, "4": {"create": 3, "cancel": 2.5}}
        }
    }
})";

TEST(WorkloadCatalog, ReadsAConfig) {
    const Workload workload = parse_workload("odd", kConfig);
    EXPECT_EQ(workload.name, "odd");
    EXPECT_EQ(workload.what, "made up");
    EXPECT_EQ(workload.unit, "ns");
    ASSERT_EQ(workload.cases.size(), 2U);
    const WorkloadCase& small = workload.cases[0];
    EXPECT_EQ(small.full_name(), "odd/small");
    EXPECT_EQ(small.sizes.at("turns"), 4'000'000);
    EXPECT_EQ(small.workers, std::vector<int>{1});
    EXPECT_EQ(small.metrics.front(), "create");
    EXPECT_EQ(small.goal(1, "create"), std::nullopt);
    const WorkloadCase& large = workload.cases[1];
    EXPECT_EQ(large.workers, (std::vector<int>{1, 4}));
    EXPECT_EQ(large.goal(1, "create"), 10);
    EXPECT_EQ(large.goal(1, "cancel"), std::nullopt);
    EXPECT_EQ(large.goal(4, "cancel"), 2.5);
}

// Goal: quick is less of the same: amounts shrink, the shape stays, and a config may say better.
TEST(WorkloadCatalog, QuickIsLessOfTheSame) {
    const Workload workload = parse_workload("odd", kConfig);
    EXPECT_EQ(
        workload.cases[0].quick_sizes, (Sizes{{"tasks", 8}, {"turns", 200'000}, {"depth", 20'000}})
    );
    const Workload told = parse_workload(
        "odd",
        R"({"what": "x", "check": {"n": 4}, "cases": {"one": {"sizes": {"n": 32, "tasks": 40000}}}})"
    );
    EXPECT_EQ(told.cases[0].quick_sizes, (Sizes{{"n", 4}, {"tasks", 40'000}}));
}

TEST(WorkloadCatalog, ABadConfigIsNamed) {
    for (const char* bad :
         {"",
          "{}",
          R"({"what": "x"})",
          R"({"what": 3, "cases": {}})",
          R"({"what": "x", "cases": {"one": {}}})",
          R"({"what": "x", "cases": {"one": {"sizes": {"n": "many"}}}})"}) {
        try {
            static_cast<void>(parse_workload("odd", bad));
            ADD_FAILURE() << bad;
        } catch (const std::runtime_error& error) {
            EXPECT_NE(std::string(error.what()).find("'odd'"), std::string::npos) << error.what();
        }
    }
}

TEST(WorkloadCatalog, FindsCases) {
    const std::vector<Workload> catalog{
        parse_workload("odd", kConfig), parse_workload("even", kConfig)};
    EXPECT_EQ(cases_that_match(catalog, "").size(), 4U);
    EXPECT_EQ(cases_that_match(catalog, "^odd/").size(), 2U);
    EXPECT_EQ(cases_that_match(catalog, "large$").size(), 2U);
    EXPECT_EQ(cases_that_match(catalog, "nothing").size(), 0U);
    EXPECT_THROW(static_cast<void>(cases_that_match(catalog, "(")), std::regex_error);
    EXPECT_EQ(cases_of(catalog, "odd").size(), 2U);
    ASSERT_EQ(cases_of(catalog, "even/small").size(), 1U);
    EXPECT_EQ(cases_of(catalog, "even/small")[0].full_name(), "even/small");
    EXPECT_EQ(cases_of(catalog, "even/").size(), 0U);
}

// Goal: whatever was built in can be listed, and each has the function that runs it.
TEST(WorkloadCatalog, WhatIsBuiltInCanBeRun) {
    for (const Workload& workload : workload_catalog()) {
        EXPECT_TRUE(perf::workloads().contains(workload.name)) << workload.name;
        EXPECT_FALSE(workload.cases.empty()) << workload.name;
    }
    EXPECT_FALSE(cases_of(workload_catalog(), "yield").empty());
}

}  // namespace
}  // namespace weft::tool
