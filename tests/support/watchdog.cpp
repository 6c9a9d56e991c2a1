#include "support/watchdog.hpp"

#include <cstdio>
#include <cstdlib>
#include <weft/runtime.hpp>

#include "support/scale.hpp"

namespace weft::test {
namespace {

std::chrono::seconds allowed_from_environment() {
    if (const char* const given = std::getenv("WEFT_TEST_DEADLINE"); given != nullptr) {
        return std::chrono::seconds(std::strtol(given, nullptr, 10));
    }
    return std::chrono::seconds(kTsan || kAsan ? 240 : 60);
}

}  // namespace

Watchdog::Watchdog() : allowed_(allowed_from_environment()), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void Watchdog::OnTestStart(const ::testing::TestInfo& test) {
    {
        const std::lock_guard lock(mutex_);
        test_ = std::string(test.test_suite_name()) + "." + test.name();
        deadline_ = std::chrono::steady_clock::now() + allowed_;
    }
    changed_.notify_one();
}

void Watchdog::OnTestEnd(const ::testing::TestInfo&) {
    const std::lock_guard lock(mutex_);
    deadline_ = TimePoint::max();  // seen when the old deadline comes
}

void Watchdog::watch() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
        if (deadline_ == TimePoint::max()) {
            changed_.wait(lock);
        } else if (std::chrono::steady_clock::now() >= deadline_) {
            bark(test_);
        } else {
            changed_.wait_until(lock, TimePoint(deadline_));
        }
    }
}

void Watchdog::bark(const std::string& test) {
    std::fprintf(stderr, "\n%s did not end before its deadline\n", test.c_str());
    std::fflush(stderr);
    std::fprintf(stderr, "%s", dump_all_tasks().c_str());
    std::abort();
}

}  // namespace weft::test
