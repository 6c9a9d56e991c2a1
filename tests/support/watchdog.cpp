#include "support/watchdog.hpp"

#include <cstdio>
#include <cstdlib>
#include <utility>
#include <weft/runtime.hpp>

#include "base/helper_thread.hpp"
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

Watchdog::Watchdog() : Watchdog(allowed_from_environment()) {}

Watchdog::Watchdog(std::chrono::seconds allowed, void (*before_bark)())
    : allowed_(allowed), before_bark_(before_bark), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void Watchdog::begin(std::string what) {
    {
        const std::lock_guard lock(mutex_);
        what_ = std::move(what);
        deadline_ = std::chrono::steady_clock::now() + allowed_;
    }
    changed_.notify_one();
}

void Watchdog::end() {
    const std::lock_guard lock(mutex_);
    deadline_ = TimePoint::max();  // seen when the old deadline comes
}

void Watchdog::OnTestStart(const ::testing::TestInfo& test) {
    begin(std::string(test.test_suite_name()) + "." + test.name());
}

void Watchdog::OnTestEnd(const ::testing::TestInfo&) {
    end();
}

void Watchdog::watch() {
    const rt::HelperThread looks;  // else no test could do without another thread
    std::unique_lock lock(mutex_);
    while (!ending_) {
        if (deadline_ == TimePoint::max()) {
            changed_.wait(lock);
        } else if (std::chrono::steady_clock::now() >= deadline_) {
            if (before_bark_ != nullptr) {
                before_bark_();
            }
            bark(what_);
        } else {
            changed_.wait_until(lock, TimePoint(deadline_));
        }
    }
}

void Watchdog::bark(const std::string& what) {
    std::fprintf(stderr, "\n%s did not end before its deadline\n", what.c_str());
    std::fflush(stderr);
    std::fprintf(stderr, "%s", dump_all_tasks().c_str());
    std::abort();
}

}  // namespace weft::test
