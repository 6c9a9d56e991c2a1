#include "faults/deadlock.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <weft/run.hpp>
#include <weft/task.hpp>

#include "support/log_capture.hpp"

namespace weft::test {

RuntimeOptions options_of(int workers, OnDeadlock on_deadlock) {
    RuntimeOptions options;
    options.workers = workers;
    options.pin = Pin::None;
    options.on_deadlock = on_deadlock;
    return options;
}

std::string report_of(const std::function<void()>& main, const RuntimeOptions& options) {
    const LogCapture log;
    std::optional<std::thread> watcher;
    std::string report;
    EXPECT_THROW(
        weft::run(
            [&] {
                watcher.emplace([&, task = current_task()] {
                    report = log.wait_for("deadlock: ");
                    task.cancel();
                });
                main();
            },
            options
        ),
        CancelledError
    );
    watcher->join();
    EXPECT_EQ(log.count("deadlock: "), 1);
    return report;
}

void expect_said(const std::string& report, const std::vector<std::string>& patterns) {
    for (const std::string& pattern : patterns) {
        EXPECT_TRUE(::testing::internal::RE::PartialMatch(report, pattern))
            << "not said: " << pattern << "\nin: " << report;
    }
}

}  // namespace weft::test
