#include "base/log.hpp"

#include <cstddef>
#include <cstdio>
#include <exception>

#include "base/atomic.hpp"

namespace weft::rt {
namespace {

Atomic<LogSink> installed{nullptr};

const char* name_of(LogLevel level) noexcept {
    switch (level) {
        case LogLevel::Info:
            return "info";
        case LogLevel::Warning:
            return "warning";
        case LogLevel::Error:
            return "error";
    }
    return "";
}

}  // namespace

void set_log_sink(LogSink sink) noexcept {
    installed.store(sink, release);
}

void log_line(LogLevel level, std::string_view text) noexcept {
    // pairs with the release store in set_log_sink
    if (const LogSink sink = installed.load(acquire); sink != nullptr) {
        try {
            sink(level, text);
        } catch (const std::exception& error) {
            std::fprintf(stderr, "weft: error: the log sink threw: %s\n", error.what());
        }
        return;
    }
    // One call, so that lines of several threads do not mix.
    std::fprintf(
        stderr, "weft: %s: %.*s\n", name_of(level), static_cast<int>(text.size()), text.data()
    );
}

void log_line(LogLevel level, std::string_view what, std::string_view why) noexcept {
    char line[1024];
    const std::size_t first = what.copy(line, sizeof line);
    const std::size_t second = why.copy(line + first, sizeof line - first);
    log_line(level, {line, first + second});
}

}  // namespace weft::rt
