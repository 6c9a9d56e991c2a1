// Runs the mix of mix.hpp on one runtime after the other, until the fault that is injected has come
// and an exchange after it has been tried, or for as many rounds as were asked for; tells of what it
// found as findings.hpp says. matrix.py starts it under the injector and judges.
//
//   fault_matrix [ROUNDS [PLANTED [SECONDS]]]
//
// SECONDS is how long it may take before it is said to hang.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <weft/runtime.hpp>

#include "base/log.hpp"
#include "inject/control.hpp"
#include "inject/findings.hpp"
#include "inject/mix.hpp"
#include "inject/planted.hpp"

namespace weft::inject {
namespace {

/// Ends a program that hangs, and says what its tasks wait for.
class Deadline {
public:
    explicit Deadline(std::chrono::seconds limit)
        : thread_([this, limit] {
              std::unique_lock lock(mutex_);
              if (!changed_.wait_for(lock, limit, [this] { return over_; })) {
                  stop();
                  tell("hang", "-", dump_all_tasks());
                  ::_exit(3);
              }
          }) {}
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;
    ~Deadline() {
        {
            const std::lock_guard lock(mutex_);
            over_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool over_ = false;
    std::thread thread_;  // last: it uses the others
};

bool one_round(const std::function<void()>& first) {
    RuntimeOptions options;
    options.workers = 2;
    // Few stacks lie in a slab then, and many are mapped.
    constexpr std::size_t kMegabyte = std::size_t{1} << 20;
    options.stack_bytes = 4 * kMegabyte;
    options.shutdown_timeout = std::chrono::seconds(5);
    bool served = false;
    attempt("runtime", [&] {
        Runtime runtime(options);
        runtime.run([&] { served = run_mix(first); });
    });
    return served;
}

int main_of(int rounds, const std::function<void()>& first, std::chrono::seconds limit) {
    rt::set_log_sink([](rt::LogLevel level, std::string_view text) {
        tell("log", level == rt::LogLevel::Error ? "error" : "warning", text);
    });
    stop();
    const Deadline deadline(limit);
    const Holdings before = holdings();
    start();
    bool served = false;
    for (int round = 0; round < rounds && !served; ++round) {
        served = one_round(first);
    }
    stop();
    tell_what_is_left(before);
    return EXIT_SUCCESS;
}

}  // namespace
}  // namespace weft::inject

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 1;
    const auto first = weft::inject::planted(argc > 2 ? argv[2] : "none");
    const std::chrono::seconds limit(argc > 3 ? std::atoi(argv[3]) : 60);
    return first ? weft::inject::main_of(rounds, *first, limit) : 2;
}
