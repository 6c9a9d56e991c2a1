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
    /// `before_bark` is called before it says so: whatever it is that saying needs.
    explicit Watchdog(std::chrono::seconds allowed, void (*before_bark)() = nullptr);
    ~Watchdog() override;

    /// `what` has this long from here on; end() ends that.
    void begin(std::string what);
    void end();

    void OnTestStart(const ::testing::TestInfo& test) override;
    void OnTestEnd(const ::testing::TestInfo& test) override;

private:
    using TimePoint = std::chrono::steady_clock::time_point;

    void watch();
    [[noreturn]] static void bark(const std::string& what);

    std::chrono::seconds allowed_;
    void (*before_bark_)();
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string what_;
    TimePoint deadline_ = TimePoint::max();
    bool ending_ = false;
    std::thread thread_;  // last: it uses the others
};

}  // namespace weft::test
