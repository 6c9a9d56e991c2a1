#pragma once

#include <string_view>

namespace weft::rt {

enum class LogLevel { Info, Warning, Error };

/// Where the runtime's few lines go; the default writes "weft: LEVEL: text" to stderr.
using LogSink = void (*)(LogLevel level, std::string_view text);

/// Replaces the sink; nullptr brings the default back. Any thread.
void set_log_sink(LogSink sink) noexcept;

void log_line(LogLevel level, std::string_view text) noexcept;
/// Writes the one after the other, and asks for no memory: a very long line is cut.
void log_line(LogLevel level, std::string_view what, std::string_view why) noexcept;

inline void log_info(std::string_view text) noexcept {
    log_line(LogLevel::Info, text);
}
inline void log_warning(std::string_view text) noexcept {
    log_line(LogLevel::Warning, text);
}
inline void log_error(std::string_view text) noexcept {
    log_line(LogLevel::Error, text);
}
inline void log_error(std::string_view what, std::string_view why) noexcept {
    log_line(LogLevel::Error, what, why);
}

}  // namespace weft::rt
