#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>

namespace weft::test {

/// The running test is about to leave `count` errors that nobody looks at: no more and no fewer.
void expect_unseen(std::uint64_t count);

/// What the process has: descriptors, threads, tasks.
class Holdings {
public:
    [[nodiscard]] static Holdings now();
    /// What is more than in `earlier`, by name; empty when nothing.
    [[nodiscard]] std::string added_since(const Holdings& earlier) const;

private:
    using Names = std::map<std::string, std::string>;  // the entry and what it is

    Names descriptors_;
    Names threads_;
    std::string tasks_;
};

/// Fails a test that leaves something behind: a task, a descriptor, a thread, or an error that
/// nobody looked at.
class LeakCheck : public ::testing::EmptyTestEventListener {
public:
    void OnTestStart(const ::testing::TestInfo& test) override;
    void OnTestEnd(const ::testing::TestInfo& test) override;
};

}  // namespace weft::test
