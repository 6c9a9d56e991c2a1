#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace weft::test {

/// Ends the process when a test takes too long, and says which test and what every task waits for.
/// The deadline is WEFT_TEST_DEADLINE seconds, else 60, four times that under a sanitizer.
class Watchdog : public ::testing::EmptyTestEventListener {
public:
    Watchdog();
    ~Watchdog() override;

    void OnTestStart(const ::testing::TestInfo& test) override;
    void OnTestEnd(const ::testing::TestInfo& test) override;

private:
    using TimePoint = std::chrono::steady_clock::time_point;

    void watch();
    [[noreturn]] static void bark(const std::string& test);

    std::chrono::seconds allowed_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string test_;
    TimePoint deadline_ = TimePoint::max();
    bool ending_ = false;
    std::thread thread_;  // last: it uses the others
};

}  // namespace weft::test
