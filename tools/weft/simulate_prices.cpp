#include "simulate_prices.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "bench_results.hpp"
#include "files.hpp"

namespace weft::tool {
namespace {

using testing::MachinePrices;
using testing::MeasuredPrices;

struct Price {
    const char* name;
    double MachinePrices::*value;
};

constexpr std::array kPrices{
    Price{"spawn", &MachinePrices::spawn},
    Price{"spawn_shared", &MachinePrices::spawn_shared},
    Price{"run", &MachinePrices::run},
    Price{"run_shared", &MachinePrices::run_shared},
    Price{"change", &MachinePrices::change},
    Price{"change_shared", &MachinePrices::change_shared},
    Price{"line_sibling", &MachinePrices::line_sibling},
    Price{"line_l3", &MachinePrices::line_l3},
    Price{"line_node", &MachinePrices::line_node},
    Price{"line_remote", &MachinePrices::line_remote},
    Price{"line_own", &MachinePrices::line_own},
    Price{"steal", &MachinePrices::steal},
    Price{"wake", &MachinePrices::wake},
    Price{"wake_latency", &MachinePrices::wake_latency},
    Price{"poll", &MachinePrices::poll},
    Price{"mail", &MachinePrices::mail},
};

constexpr double kMostNanos = 1e9;

}  // namespace

Json prices_to_json(const MeasuredPrices& prices) {
    Json values;
    for (const Price& price : kPrices) {
        values[price.name] = prices.prices.*price.value;
    }
    return {
        {"prices", std::move(values)},
        {"measured", prices.measured},
        {"assumed", prices.assumed},
        {"measured_on", prices.topology},
    };
}

MeasuredPrices prices_from_json(const Json& json) {
    MeasuredPrices result;
    if (!json.is_object() || !json.contains("prices") || !json["prices"].is_object()) {
        throw std::runtime_error(
            R"(there is no object "prices" in it, as `weft simulate --print-prices` prints it)"
        );
    }
    for (const auto& [name, value] : json["prices"].items()) {
        const auto price = std::ranges::find_if(kPrices, [&name = name](const Price& one) {
            return one.name == name;
        });
        if (price == kPrices.end()) {
            throw std::runtime_error(fmt::format("there is no price of the name '{}'", name));
        }
        const bool is_price =
            value.is_number() && value.get<double>() >= 0 && value.get<double>() <= kMostNanos;
        if (!is_price) {
            throw std::runtime_error(fmt::format(
                "the price '{}' is {}; nanoseconds were expected, from 0 to 1e9",
                name,
                value.dump(-1, ' ', false, Json::error_handler_t::replace)
            ));
        }
        result.prices.*price->value = value.get<double>();
    }
    try {
        result.measured = json.value("measured", result.measured);
        result.assumed = json.value("assumed", result.assumed);
        result.topology = json.value("measured_on", result.topology);
    } catch (const Json::exception& error) {
        throw std::runtime_error(error.what());
    }
    return result;
}

MeasuredPrices load_prices(const std::filesystem::path& path) {
    try {
        return prices_from_json(Json::parse(read_file(path)));
    } catch (const std::exception& error) {
        throw std::runtime_error(fmt::format("{}: {}", path.string(), error.what()));
    }
}

std::string prices_text(const MeasuredPrices& prices) {
    std::string measured;
    std::string others;
    for (const Price& price : kPrices) {
        const bool is_measured =
            std::ranges::find(prices.measured, price.name) != prices.measured.end();
        std::string& list = is_measured ? measured : others;
        list += fmt::format(
            "{}{} {}",
            list.empty() ? "" : ", ",
            price.name,
            short_number(prices.prices.*price.value)
        );
    }
    std::string text;
    if (!measured.empty()) {
        text += fmt::format("  measured, ns: {}\n", measured);
    }
    if (!others.empty()) {
        text += fmt::format("  assumed, ns: {}\n", others);
    }
    return text;
}

}  // namespace weft::tool
