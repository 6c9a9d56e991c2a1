// Interprets programs of scenario.md over weft: one a line from stdin, {"events": .., "faults": ..} a line
// to stdout. The counterpart of run_asyncio.py.
//
//   run_weft [--loops N]     N loops and stealable tasks; else one loop and tasks of its own

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <weft/runtime.hpp>
#include <weft/testing/virtual_time.hpp>

#include "interpreter.hpp"

namespace {

using nlohmann::json;

/// Ends the process when a program takes too long, and says what every task waits for.
class Watchdog {
public:
    Watchdog() : thread_([this] { watch(); }) {}
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;
    ~Watchdog() {
        {
            const std::lock_guard lock(mutex_);
            ended_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }

private:
    void watch() {
        constexpr auto kLimit = std::chrono::seconds(20);
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, kLimit, [this] { return ended_; })) {
            std::fprintf(stderr, "no end after 20 s: %s", weft::dump_all_tasks().c_str());
            ::_exit(3);
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    bool ended_ = false;
    std::thread thread_;  // last: it uses the others
};

json interpret(const std::string& line, int loops) {
    const Watchdog watchdog;
    weft::RuntimeOptions options;
    options.workers = loops > 0 ? loops : 1;
    options.pin = weft::Pin::None;
    options.shutdown_timeout = std::chrono::milliseconds(loops > 0 ? 1000 : 50);
    auto interpreter =
        std::make_unique<weft::conformance::Interpreter>(json::parse(line), loops > 0);
    weft::testing::run_in_virtual_time([&] { interpreter->main(); }, options);
    json result = {{"events", interpreter->events()}, {"faults", interpreter->faults_at_rest()}};
    if (weft::dump_all_tasks().rfind("0 tasks", 0) != 0) {
        // One waits for ever and may not be cancelled, as it does under CPython: it keeps what it
        // waits in.
        static_cast<void>(interpreter.release());
    } else {
        for (const std::string& fault : interpreter->faults_of_things()) {
            result["faults"].push_back(fault);
        }
    }
    return result;
}

}  // namespace

int main(int count, char** arguments) {
    int loops = 0;
    if (count == 3 && std::strcmp(arguments[1], "--loops") == 0) {
        loops = std::atoi(arguments[2]);
    } else if (count != 1) {
        std::fputs("usage: run_weft [--loops N]\n", stderr);
        return 2;
    }
    for (std::string line; std::getline(std::cin, line);) {
        std::cout << interpret(line, loops).dump() << std::endl;
    }
    return 0;
}
