#pragma once

#include <string>
#include <vector>

#include "json.hpp"

namespace weft::tool {

/// A figure of a page: what gnuplot drew, or nothing, and what is said about it.
struct PageFigure {
    std::string svg;
    std::string caption;
};

/// A part of a page: a heading, figures, and a table whose first row is its head.
struct PageSection {
    std::string title;
    std::string lead;
    std::vector<PageFigure> figures;
    std::vector<std::vector<std::string>> table;
};

/// One page in one file: the machine's fingerprint on top, figures within, light or dark as the reader's
/// system is. It is XML, too.
///
/// `notes`: lines on how it was measured.
[[nodiscard]] std::string report_html(
    const std::string& title,
    const Json& fingerprint,
    const std::vector<std::string>& notes,
    const std::vector<PageSection>& sections
);

}  // namespace weft::tool
