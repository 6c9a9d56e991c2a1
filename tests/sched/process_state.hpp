#pragma once

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.hpp"

namespace weft::rt::testing {

/// Sets (or, without a value, unsets) an environment variable until the end of the scope.
class ScopedEnvironment {
public:
    explicit ScopedEnvironment(std::string name, const char* value = nullptr)
        : name_(std::move(name)) {
        if (const char* const before = std::getenv(name_.c_str())) {
            before_ = before;
        }
        set(value);
    }
    ScopedEnvironment(const ScopedEnvironment&) = delete;
    ScopedEnvironment& operator=(const ScopedEnvironment&) = delete;
    ~ScopedEnvironment() { set(before_ ? before_->c_str() : nullptr); }

private:
    void set(const char* value) const {
        if (value != nullptr) {
            ::setenv(name_.c_str(), value, 1);
        } else {
            ::unsetenv(name_.c_str());
        }
    }

    std::string name_;
    std::optional<std::string> before_;
};

/// Collects the runtime's log lines until the end of the scope. One at a time.
class CapturedLog {
public:
    CapturedLog() {
        lines().clear();
        set_log_sink([](LogLevel, std::string_view text) { lines().emplace_back(text); });
    }
    CapturedLog(const CapturedLog&) = delete;
    CapturedLog& operator=(const CapturedLog&) = delete;
    ~CapturedLog() { set_log_sink(nullptr); }

    [[nodiscard]] static std::vector<std::string>& lines() {
        static std::vector<std::string> collected;
        return collected;
    }

    /// Whether there is exactly one line and it contains the text.
    [[nodiscard]] static bool is_one_with(std::string_view text) {
        return lines().size() == 1 && lines().front().find(text) != std::string::npos;
    }
};

}  // namespace weft::rt::testing
