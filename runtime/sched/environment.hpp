#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weft::rt {

/// Returns one of the WEFT_* variables. Unset and empty mean the same: nothing.
[[nodiscard]] std::optional<std::string> environment(const char* name);

/// Says on one line that a variable is ignored, and what was expected instead.
void warn_ignored(std::string_view name, std::string_view value, std::string_view expected);

/// Reads the whole text as a decimal number from min to max; no sign, no spaces around it.
[[nodiscard]] std::optional<int> parse_number(std::string_view text, int min, int max) noexcept;

/// Splits at each separator; keeps empty fields.
template <class Visit>
void for_each_field(std::string_view text, char separator, Visit visit) {
    for (;;) {
        const std::size_t end = text.find(separator);
        visit(text.substr(0, end));
        if (end == std::string_view::npos) {
            return;
        }
        text.remove_prefix(end + 1);
    }
}

}  // namespace weft::rt
