#include "report_html.hpp"

#include <fmt/format.h>

#include <cctype>
#include <string_view>

#include "fingerprint.hpp"
#include "plot.hpp"

namespace weft::tool {
namespace {

constexpr std::string_view kStyle = R"css(
:root { --ink: #1d2329; --soft: #5b6670; --paper: #ffffff; --card: #f5f7f9; --grid: #d4d9de; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e7eb; --soft: #9aa5b0; --paper: #15191d; --card: #1e2429; --grid: #39424a; }
}
body { margin: 0 auto; padding: 2rem 1.2rem 4rem; max-width: 62rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; } h2 { font-size: 1.25rem; margin: 2.6rem 0 .4rem; }
p { margin: .3rem 0; } p.soft, figcaption { color: var(--soft); }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem 1.1rem .2rem 0; text-align: left; border-bottom: 1px solid var(--grid); }
table.figures th, table.figures td { text-align: right; padding: .2rem 0 .2rem 1.6rem; }
table.figures th:last-child, table.figures td:last-child { text-align: left; }
.machine { background: var(--card); border-radius: .5rem; padding: .4rem 1rem; margin: 1rem 0; }
.machine table { margin: 0; font-size: .9rem; } .machine th { font-weight: normal; color: var(--soft); }
.machine tr:last-child > * { border-bottom: 0; } .wide { overflow-x: auto; }
figure { margin: 1.4rem 0; } figure svg { width: 100%; height: auto; max-height: 36rem; }
figcaption { font-size: .9rem; max-width: 50rem; }
)css";

/// As text of XML 1.0, which has no control characters, not even written as numbers.
std::string escaped(std::string_view text) {
    std::string result;
    for (const char character : text) {
        switch (character) {
            case '&':
                result += "&amp;";
                break;
            case '<':
                result += "&lt;";
                break;
            case '>':
                result += "&gt;";
                break;
            case '"':
                result += "&quot;";
                break;
            default:
                result +=
                    std::iscntrl(static_cast<unsigned char>(character)) != 0 ? ' ' : character;
        }
    }
    return result;
}

std::string machine_html(const Json& fingerprint) {
    std::string text = "<div class=\"machine wide\"><table id=\"fingerprint\">\n";
    for (const auto& [name, value] : fingerprint.items()) {
        text += fmt::format(
            "<tr><th>{}</th><td>{}</td></tr>\n", escaped(name), escaped(fingerprint_value(value))
        );
    }
    return text + "</table></div>\n";
}

std::string figure_html(const PageFigure& figure) {
    const std::string caption = escaped(figure.caption);
    if (figure.svg.empty()) {
        return fmt::format("<p class=\"soft\">{}</p>\n", caption);
    }
    return fmt::format(
        "<figure>\n{}\n<figcaption>{}</figcaption></figure>\n", embedded_svg(figure.svg), caption
    );
}

std::string table_html(const std::vector<std::vector<std::string>>& rows) {
    std::string text = "<div class=\"wide\"><table class=\"figures\">\n";
    const char* tag = "th";
    for (const std::vector<std::string>& row : rows) {
        text += "<tr>";
        for (const std::string& cell : row) {
            text += fmt::format("<{0}>{1}</{0}>", tag, escaped(cell));
        }
        text += "</tr>\n";
        tag = "td";
    }
    return text + "</table></div>\n";
}

}  // namespace

std::string report_html(
    const std::string& title,
    const Json& fingerprint,
    const std::vector<std::string>& notes,
    const std::vector<PageSection>& sections
) {
    std::string text = fmt::format(
        "<!DOCTYPE html>\n"
        "<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n"
        "<meta charset=\"utf-8\"/>\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
        "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
        "<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n",
        escaped(title),
        kStyle
    );
    for (const std::string& note : notes) {
        text += fmt::format("<p class=\"soft\">{}</p>\n", escaped(note));
    }
    text += machine_html(fingerprint);
    for (const PageSection& section : sections) {
        text +=
            fmt::format("<h2>{}</h2>\n<p>{}</p>\n", escaped(section.title), escaped(section.lead));
        text += table_html(section.table);
        for (const PageFigure& figure : section.figures) {
            text += figure_html(figure);
        }
    }
    return text + "</body>\n</html>\n";
}

}  // namespace weft::tool
