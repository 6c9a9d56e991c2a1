#include "sweep_plots.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string_view>

namespace weft::tool {
namespace {

constexpr const char* kInk = kPlotInk;
constexpr const char* kGrid = kPlotGrid;
constexpr const char* kBlue = "#3b82c4";
constexpr const char* kOrange = "#d9822b";
constexpr const char* kGreen = "#3a9a5b";
constexpr const char* kPurple = "#8a63c7";
constexpr const char* kGrey = "#8a8a8a";

std::string file_name(const Sweep& sweep, std::string_view figure) {
    std::string name = fmt::format("{}-{}", sweep.name, figure);
    std::ranges::replace_if(
        name,
        [](unsigned char character) {
            return std::isalnum(character) == 0 && character != '_' && character != '.';
        },
        '-'
    );
    return name;
}

/// What all figures begin with.
std::string frame(const std::string& title, const std::string& footer) {
    return fmt::format(
        "set border 3 linecolor rgb '{0}'\n"
        "set title {1} textcolor rgb '{0}'\n"
        "set label 1 {2} at screen 0.985, 0.022 right font ',9' textcolor rgb '{3}'\n"
        "set tics nomirror textcolor rgb '{0}'\n"
        "set key textcolor rgb '{0}'\n"
        "set grid ytics linecolor rgb '{4}' linewidth 1 dashtype 1\n"
        "set bmargin 4.8\n",
        kInk,
        plot_quoted(title),
        plot_quoted(footer),
        kGrey,
        kGrid
    );
}

std::string y_label(const std::string& text) {
    return fmt::format("set ylabel {} textcolor rgb '{}'\n", plot_quoted(text), kInk);
}

/// The axis of workers, and grey where they share CPUs.
std::string worker_axis(const Sweep& sweep) {
    constexpr int kEachUpTo = 32;
    const int first = sweep.points.front().workers;
    const int last = sweep.points.back().workers;
    std::string text = fmt::format(
        "set xlabel 'workers' textcolor rgb '{}'\nset xrange [{}:{}]\n{}",
        kInk,
        first - 0.5,
        last + 0.5,
        last - first < kEachUpTo ? "set xtics 1\n" : ""
    );
    if (sweep.is_oversubscribed()) {
        text += fmt::format(
            "set object 1 rectangle from {0}, graph 0 to graph 1, graph 1 behind fillcolor rgb "
            "'#808080' fillstyle transparent solid 0.15 noborder\n"
            "set label 2 {1} at graph 0.985, graph 0.06 right textcolor rgb '{2}'\n",
            std::max(sweep.cpus + 0.5, first - 0.5),
            plot_quoted(fmt::format("grey: oversubscribed, more workers than {} CPUs", sweep.cpus)),
            kGrey
        );
    }
    return text;
}

std::string data_of(const std::vector<std::pair<int, Band>>& points, std::string_view name) {
    std::string text = fmt::format("${} << END\n", name);
    for (const auto& [workers, band] : points) {
        text += fmt::format("{} {} {} {}\n", workers, band.middle, band.low, band.high);
    }
    return text + "END\n";
}

/// The values of one kind, with the spread as a band; where there is but one, as a bar.
std::string lines_of(std::string_view data, const char* color, std::string_view title) {
    return fmt::format(
        "${0} using 1:3:4 with filledcurves fillcolor rgb '{1}' fillstyle transparent solid 0.22 "
        "noborder notitle, "
        "${0} using 1:2:3:4 with yerrorbars linecolor rgb '{1}' pointtype 7 pointsize 0.7 notitle, "
        "${0} using 1:2 with lines linecolor rgb '{1}' linewidth 2 title {2}",
        data,
        color,
        plot_quoted(title)
    );
}

template <class Pick>
std::vector<std::pair<int, Band>> bands_of(const Sweep& sweep, Pick pick) {
    std::vector<std::pair<int, Band>> bands;
    for (const SweepPoint& point : sweep.points) {
        bands.emplace_back(point.workers, pick(point));
    }
    return bands;
}

Band band_of(const Summary& summary) {
    return {summary.median, summary.least, summary.most};
}

constexpr const char* kSpread = "median, and the least to the most of all runs";

Plot speed_up_plot(const Sweep& sweep, const std::string& footer) {
    const int fewest = sweep.points.front().workers;
    std::string script =
        frame(sweep.name + ": speed-up", footer) +
        data_of(bands_of(sweep, [](const SweepPoint& point) { return point.speed_up; }), "data") +
        worker_axis(sweep) + y_label(fmt::format("times as fast as {}", workers_text(fewest))) +
        "set key left top reverse Left\nset yrange [0:*]\n";
    std::string fit;
    if (sweep.usl.has_value()) {
        fit = fmt::format(
            ", x < 1 ? NaN : x / (1 + {} * (x - 1) + {} * x * (x - 1)) with lines dashtype 3 "
            "linewidth 1.5 "
            "linecolor rgb '{}' title 'scalability law, fitted'",
            sweep.usl->alpha,
            sweep.usl->beta,
            kOrange
        );
    }
    script += fmt::format(
        "plot x / {}. with lines dashtype 2 linewidth 1.5 linecolor rgb '{}' title 'ideal', {}{}\n",
        fewest,
        kGrey,
        lines_of("data", kBlue, kSpread),
        fit
    );
    return {file_name(sweep, "speed_up"), "Speed-up: " + usl_text(sweep), script};
}

Plot efficiency_plot(const Sweep& sweep, const std::string& footer) {
    const auto percent = [](const SweepPoint& point) {
        return Band{
            100 * point.efficiency.middle, 100 * point.efficiency.low, 100 * point.efficiency.high};
    };
    return {
        file_name(sweep, "efficiency"),
        "Efficiency: the speed-up as a share of what that many workers could reach.",
        frame(sweep.name + ": efficiency", footer) + data_of(bands_of(sweep, percent), "data") +
            worker_axis(sweep) + y_label("% of ideal") + "set key right top\nset yrange [0:*]\n" +
            fmt::format(
                "plot 100 with lines dashtype 2 linewidth 1.5 linecolor rgb '{}' title 'ideal', "
                "{}\n",
                kGrey,
                lines_of("data", kGreen, kSpread)
            ),
    };
}

Plot metric_plot(const Sweep& sweep, const std::string& footer) {
    const auto measured = [](const SweepPoint& point) { return band_of(point.measured); };
    const std::string title =
        sweep.metric == "time" && sweep.unit == "ns" ? "time per operation" : sweep.metric;
    return {
        file_name(sweep, "time"),
        fmt::format("What was measured: {}, in {}.", title, sweep.unit),
        frame(fmt::format("{}: {}", sweep.name, title), footer) +
            data_of(bands_of(sweep, measured), "data") + worker_axis(sweep) + y_label(sweep.unit) +
            "set key left bottom reverse Left\nset yrange [0:*]\nplot " +
            lines_of("data", kPurple, kSpread) + "\n",
    };
}

Plot percentile_plot(const Sweep& sweep, const std::string& footer) {
    if (sweep.percentiles.empty()) {
        return {
            file_name(sweep, "percentiles"),
            "Latency: this workload reports no percentiles (p50, p99, p99.9).",
            "",
        };
    }
    constexpr std::array<const char*, 5> kColors{kBlue, kOrange, kPurple, kGreen, kGrey};
    std::string data;
    std::string curves;
    std::set<std::string> units;
    for (std::size_t i = 0; i < sweep.percentiles.size(); ++i) {
        const SweepLine& line = sweep.percentiles[i];
        const std::string name = fmt::format("data{}", i);
        std::vector<std::pair<int, Band>> bands;
        for (const auto& [workers, summary] : line.points) {
            bands.emplace_back(workers, band_of(summary));
        }
        data += data_of(bands, name);
        curves +=
            (curves.empty() ? "" : ", ") +
            lines_of(
                name, kColors[i % kColors.size()], fmt::format("{} [{}]", line.metric, line.unit)
            );
        units.insert(line.unit);
    }
    return {
        file_name(sweep, "percentiles"),
        "Latency: the median of each percentile, and its least and most of all runs.",
        frame(sweep.name + ": latency", footer) + data + worker_axis(sweep) +
            y_label(fmt::format("{}, logarithmic", fmt::join(units, ", "))) +
            "set key left top reverse Left\nset logscale y\nplot " + curves + "\n",
    };
}

/// The lines between groups of workers: thin between caches, thick between nodes.
std::string group_lines(const StealMatrix& matrix) {
    std::string text;
    const double end = static_cast<double>(matrix.size()) - 0.5;
    for (std::size_t place = 1; place < matrix.size(); ++place) {
        if (!matrix.cache_changes_before(place) && !matrix.node_changes_before(place)) {
            continue;
        }
        const double at = static_cast<double>(place) - 0.5;
        const double width = matrix.node_changes_before(place) ? 3 : 1;
        text += fmt::format(
            "set arrow from {0}, -0.5 to {0}, {1} nohead front linewidth {2} linecolor rgb '{3}'\n"
            "set arrow from -0.5, {0} to {1}, {0} nohead front linewidth {2} linecolor rgb '{3}'\n",
            at,
            end,
            width,
            kInk
        );
    }
    return text;
}

std::string matrix_data(const StealMatrix& matrix) {
    std::string text = "$steals << END\n";
    for (std::size_t thief = 0; thief < matrix.size(); ++thief) {
        for (std::size_t victim = 0; victim < matrix.size(); ++victim) {
            text += fmt::format("{} {} {}\n", victim, thief, matrix.at(thief, victim));
        }
    }
    return text + "END\n";
}

Plot steals_plot(const Sweep& sweep, const std::string& footer) {
    const std::string file = file_name(sweep, "steals");
    if (!sweep.steals.has_value()) {
        return {file, "Steals: one worker has nobody to steal from.", ""};
    }
    const StealMatrix& matrix = *sweep.steals;
    if (matrix.most() == 0) {
        return {
            file,
            fmt::format("Steals: none with {}.", workers_text(static_cast<int>(matrix.size()))),
            "",
        };
    }
    constexpr std::size_t kNumbersUpTo = 12;
    const std::size_t step = 1 + matrix.size() / 33;
    std::string tics;
    for (std::size_t place = 0; place < matrix.size(); place += step) {
        tics += fmt::format("{}'w{}' {}", tics.empty() ? "" : ", ", matrix.order[place], place);
    }
    std::string script =
        frame(
            fmt::format(
                "{}: steals with {}{}",
                sweep.name,
                workers_text(static_cast<int>(matrix.size())),
                matrix.size() > static_cast<std::size_t>(sweep.cpus)
                    ? fmt::format(" on {} CPUs (oversubscribed)", sweep.cpus)
                    : ""
            ),
            footer
        ) +
        matrix_data(matrix) +
        fmt::format(
            "unset grid\nunset key\nset border 0\nset size ratio -1\n"
            "set xrange [-0.5:{0}]\nset yrange [{0}:-0.5]\nset cbrange [0:{1}]\n"
            "set xtics ({2}) scale 0{4}\nset ytics ({2}) scale 0\n"
            "set xlabel 'victim' textcolor rgb '{3}'\nset ylabel 'thief' textcolor rgb '{3}'\n"
            "set cblabel 'tasks, in all runs' textcolor rgb '{3}'\n"
            "set cbtics textcolor rgb '{3}'\nset colorbox noborder\n"
            "set palette defined (0 '#e8eef6', 0.5 '#6fa4d6', 1 '#17426e')\n",
            static_cast<double>(matrix.size()) - 0.5,
            matrix.most(),
            tics,
            kInk,
            matrix.size() > kNumbersUpTo ? " rotate by 90 right" : ""
        ) +
        group_lines(matrix) +
        "plot $steals using 1:2:(0.49):(0.49):3 with boxxyerror fillcolor palette "
        "fillstyle solid noborder";
    if (matrix.size() <= kNumbersUpTo) {
        const auto labels = [&](const char* comparison, const char* color) {
            return fmt::format(
                ", $steals using 1:2:($3 {} {} ? sprintf('%d', $3) : '') with labels textcolor rgb "
                "'{}'",
                comparison,
                static_cast<double>(matrix.most()) / 2,
                color
            );
        };
        script += labels("<", "#101010") + labels(">=", "#ffffff");
    }
    return {
        file,
        "Steals: how many tasks each worker (row) has taken from each other (column), in all runs. "
        "Workers that share a NUMA node and a cache stand side by side; a thick line is between "
        "nodes, a thin one between caches.",
        script + "\n",
    };
}

}  // namespace

std::vector<Plot> sweep_plots(const Sweep& sweep, const std::string& footer) {
    if (sweep.points.empty()) {
        return {};
    }
    return {
        speed_up_plot(sweep, footer),
        efficiency_plot(sweep, footer),
        metric_plot(sweep, footer),
        percentile_plot(sweep, footer),
        steals_plot(sweep, footer),
    };
}

}  // namespace weft::tool
