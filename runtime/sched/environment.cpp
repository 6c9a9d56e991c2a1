#include "sched/environment.hpp"

#include <charconv>
#include <cstdlib>
#include <string>

#include "base/log.hpp"

namespace weft::rt {

std::optional<std::string> environment(const char* name) {
    // Read while a runtime starts; a program that calls setenv at that moment races with itself.
    const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    if (value == nullptr || *value == '\0') {
        return std::nullopt;
    }
    return std::string{value};
}

void warn_ignored(std::string_view name, std::string_view value, std::string_view expected) {
    std::string text{name};
    text.append("=").append(value).append(" is ignored: expected ").append(expected);
    log_warning(text);
}

std::optional<int> parse_number(std::string_view text, int min, int max) noexcept {
    int value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || value < min || value > max) {
        return std::nullopt;
    }
    return value;
}

}  // namespace weft::rt
