#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <mutex>
#include <vector>

namespace weft::perf {

using Millis = std::chrono::duration<double, std::milli>;

/// How late something was, again and again, in milliseconds.
class Lateness {
public:
    void add(const std::vector<double>& times) {
        const std::lock_guard lock(mutex_);
        times_.insert(times_.end(), times.begin(), times.end());
    }
    /// `share`: 0.99 for p99; 1 for the most.
    [[nodiscard]] double at(double share) {
        std::sort(times_.begin(), times_.end());
        const auto index = static_cast<std::size_t>(share * static_cast<double>(times_.size()));
        return times_.empty() ? 0 : times_[std::min(index, times_.size() - 1)];
    }
    void print(const char* title, const char* what) {
        std::printf(
            "%-26s%8zu %s, late by p50 %.3f  p99 %.3f  p99.9 %.3f  max %.3f ms\n",
            title,
            times_.size(),
            what,
            at(0.5),
            at(0.99),
            at(0.999),
            at(1)
        );
    }

private:
    std::mutex mutex_;
    std::vector<double> times_;
};

}  // namespace weft::perf
