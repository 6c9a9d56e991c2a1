#pragma once

#include <filesystem>
#include <string>
#include <weft/testing/machine.hpp>

#include "json.hpp"

namespace weft::tool {

/// {"prices": {name: nanoseconds}, "measured": [name], "assumed": [name and from what], "measured_on": topology}.
[[nodiscard]] Json prices_to_json(const testing::MeasuredPrices& prices);

/// Reads what prices_to_json() wrote, also where it is a part of something larger. What it does not name is
/// as MachinePrices has it.
///
/// Errors    std::runtime_error, naming what is wrong.
[[nodiscard]] testing::MeasuredPrices prices_from_json(const Json& json);

/// Errors    std::runtime_error, naming the file.
[[nodiscard]] testing::MeasuredPrices load_prices(const std::filesystem::path& path);

/// Two or three lines, for who reads the figures.
[[nodiscard]] std::string prices_text(const testing::MeasuredPrices& prices);

}  // namespace weft::tool
