#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace weft::tool {

/// Members stay in the order in which they were written.
using Json = nlohmann::ordered_json;

/// As it goes into a file. A name need not be UTF-8, a string of JSON must be.
[[nodiscard]] inline std::string json_text(const Json& json) {
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace weft::tool
