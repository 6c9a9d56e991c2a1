#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace weft::storm {

/// Plain threads that do what tasks give them: sets, cancels and waits that come from no loop.
class Helpers {
public:
    explicit Helpers(int threads);
    Helpers(const Helpers&) = delete;
    Helpers& operator=(const Helpers&) = delete;
    ~Helpers() { finish(); }

    /// Threads   any, until finish().
    void post(std::function<void()> job);
    /// Does what is left, and ends the threads. Again: nothing.
    void finish();

private:
    void work();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> jobs_;
    bool ending_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace weft::storm
