#pragma once

#include <gtest/gtest.h>

#include <cstdint>

namespace weft::test {

/// The running test is about to leave `count` errors that nobody looks at: no more and no fewer.
void expect_unseen(std::uint64_t count);

/// Fails a test that leaves something behind: a task, a descriptor, a thread, or an error that
/// nobody looked at.
class LeakCheck : public ::testing::EmptyTestEventListener {
public:
    void OnTestStart(const ::testing::TestInfo& test) override;
    void OnTestEnd(const ::testing::TestInfo& test) override;
};

}  // namespace weft::test
