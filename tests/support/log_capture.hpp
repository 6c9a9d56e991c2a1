#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"

namespace weft::test {

/// Keeps the runtime's log lines for a test instead of printing them. One at a time.
class LogCapture {
public:
    LogCapture();
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;
    ~LogCapture();

    /// The lines so far, as "LEVEL: text".
    [[nodiscard]] std::vector<std::string> lines() const;
    /// How many of them contain `text`.
    [[nodiscard]] int count(std::string_view text) const;
    /// Blocks the thread until there is one that does; returns it.
    [[nodiscard]] std::string wait_for(std::string_view text) const;
};

}  // namespace weft::test
