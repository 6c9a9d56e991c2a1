#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace weft::tool {

// Two colours that nothing else in a figure has: embedded_svg() puts the page's in their place.
inline constexpr const char* kPlotInk = "#010203";
inline constexpr const char* kPlotGrid = "#c8c9ca";

/// A figure that gnuplot draws.
struct Plot {
    std::string file;     ///< without its ending: "yield-2-speed_up"
    std::string caption;  ///< what it shows, for who reads it
    std::string script;   ///< for gnuplot; empty: nothing is to be drawn, as the caption says
};

/// As gnuplot reads it: a quote within is doubled.
[[nodiscard]] std::string plot_quoted(std::string_view text);

/// Whether there is a gnuplot on the PATH.
[[nodiscard]] bool have_gnuplot();

/// Writes FILE.svg and FILE.png below `folder`, and FILE.gnuplot, which makes them.
///
/// Errors    std::runtime_error where gnuplot does not.
void draw(const Plot& plot, const std::filesystem::path& folder);

/// What draw() wrote as an element of a page: without a background, and in the page's colours --ink and
/// --grid.
[[nodiscard]] std::string embedded_svg(const std::string& svg);

}  // namespace weft::tool
