#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "json.hpp"

namespace weft::tool {

/// What a figure depends on besides the code: the machine, what of it this process may use, how the
/// tool was built, and when. A flat object; what cannot be learnt is "unknown".
///
/// root  where proc/ and sys/ are looked up: a made-up tree in tests.
[[nodiscard]] Json take_fingerprint(const std::filesystem::path& root = "/");

/// One line for each entry, its name first.
[[nodiscard]] std::string fingerprint_text(const Json& fingerprint);

/// A value as text shows it.
[[nodiscard]] std::string fingerprint_value(const Json& value);

struct Difference {
    std::string name;
    std::string a;
    std::string b;
};

/// What differs of what may move a figure by itself: not the date, nor the commit and the version,
/// which are what one compares.
[[nodiscard]] std::vector<Difference> fingerprint_differences(const Json& a, const Json& b);

}  // namespace weft::tool
