#include "plot.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <regex>
#include <stdexcept>

#include "files.hpp"
#include "subprocess.hpp"

namespace weft::tool {

std::string plot_quoted(std::string_view text) {
    std::string result = "'";
    for (const char character : text) {
        result += character;
        if (character == '\'') {
            result += '\'';
        }
    }
    return result + "'";
}

bool have_gnuplot() {
    const char* const path = std::getenv("PATH");
    std::string_view rest = path == nullptr ? "" : path;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(':'), rest.size());
        const std::string program = std::string(rest.substr(0, end)) + "/gnuplot";
        if (::access(program.c_str(), X_OK) == 0) {
            return true;
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return false;
}

namespace {

/// What the identifiers within begin with, so that several figures of one page have their own.
std::string svg_name(std::string file) {
    std::ranges::replace_if(
        file, [](unsigned char character) { return std::isalnum(character) == 0; }, '_'
    );
    return file;
}

}  // namespace

void draw(const Plot& plot, const std::filesystem::path& folder) {
    constexpr std::chrono::seconds kTimeout{60};
    const std::filesystem::path base = folder / plot.file;
    const auto with_terminal = [&](std::string_view terminal, const char* ending) {
        return fmt::format(
            "reset session\nset encoding utf8\nset terminal {}\nset output {}\n{}unset output\n",
            terminal,
            plot_quoted(base.string() + ending),
            plot.script
        );
    };
    const std::filesystem::path script = base.string() + ".gnuplot";
    write_file(
        script,
        with_terminal(
            fmt::format(
                "svg size 760,460 dynamic noenhanced background rgb '#ffffff' font 'sans-serif,13' "
                "name {}",
                plot_quoted(svg_name(plot.file))
            ),
            ".svg"
        ) + with_terminal("pngcairo size 1140,690 noenhanced font 'DejaVu Sans,13'", ".png")
    );
    const Finished finished =
        run_process({"gnuplot", "--default-settings", script.string()}, kTimeout);
    if (finished.exit_code != 0 || finished.timed_out) {
        throw std::runtime_error(fmt::format(
            "gnuplot {} with {}", finished.timed_out ? "was not done" : "failed", script.string()
        ));
    }
}

std::string embedded_svg(const std::string& svg) {
    static const std::regex ink("rgb\\( *1, *2, *3\\)|\\bblack\\b");
    static const std::regex grid("rgb\\( *200, *201, *202\\)");
    const std::size_t begin = svg.find("<svg");
    if (begin == std::string::npos) {
        return "";
    }
    std::string text = svg.substr(begin);
    text = std::regex_replace(text, ink, "var(--ink)");
    text = std::regex_replace(text, grid, "var(--grid)");
    // The first rectangle is the background.
    constexpr std::string_view kBackground = "fill=\"#ffffff\"";
    if (const std::size_t at = text.find(kBackground); at != std::string::npos) {
        text.replace(at, kBackground.size(), "fill=\"none\"");
    }
    return text;
}

}  // namespace weft::tool
