#pragma once

#include <nlohmann/json.hpp>

namespace weft::tool {

/// Members stay in the order in which they were written.
using Json = nlohmann::ordered_json;

}  // namespace weft::tool
