#include "sweep.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "report_html.hpp"
#include "sweep_plots.hpp"

namespace weft::tool {
namespace {

/// A cell whose runs came to these values of "time".
BenchCell cell_of(int workers, const std::vector<double>& values, const std::string& unit = "ns") {
    BenchCell cell;
    cell.request.what.workload = "made_up";
    cell.request.what.name = "it's";
    cell.request.what.metrics = {"time"};
    cell.request.workers = workers;
    for (const double value : values) {
        RunOutcome outcome;
        outcome.figures = {{"time", value, unit}};
        outcome.places.resize(static_cast<std::size_t>(workers));
        outcome.steals.assign(static_cast<std::size_t>(workers * workers), 0);
        cell.outcomes.push_back(outcome);
    }
    return cell;
}

const Plot& plot_named(const std::vector<Plot>& plots, const std::string& ending) {
    for (const Plot& plot : plots) {
        if (plot.file.ends_with(ending)) {
            return plot;
        }
    }
    throw std::runtime_error("no figure " + ending);
}

TEST(Sweeps, SpeedUpIsRelativeToTheFewestWorkers) {
    const Sweep sweep = make_sweep(
        {cell_of(1, {100, 90, 110}), cell_of(2, {50, 60, 45}), cell_of(4, {40, 40, 40})}, "x", 4
    );
    ASSERT_EQ(sweep.points.size(), 3U);
    EXPECT_DOUBLE_EQ(sweep.points[0].speed_up.middle, 1);
    EXPECT_DOUBLE_EQ(sweep.points[1].speed_up.middle, 2);
    EXPECT_DOUBLE_EQ(sweep.points[1].speed_up.low, 100.0 / 60);
    EXPECT_DOUBLE_EQ(sweep.points[1].speed_up.high, 100.0 / 45);
    EXPECT_DOUBLE_EQ(sweep.points[2].efficiency.middle, 2.5 / 4);
    EXPECT_TRUE(sweep.usl.has_value());
    EXPECT_FALSE(sweep.is_oversubscribed());
}

TEST(Sweeps, ARateGrowsWithTheSpeedUp) {
    const Sweep sweep =
        make_sweep({cell_of(2, {100}, "requests/s"), cell_of(4, {150}, "requests/s")}, "x", 4);
    EXPECT_DOUBLE_EQ(sweep.points[1].speed_up.middle, 1.5);
    EXPECT_DOUBLE_EQ(sweep.points[1].efficiency.middle, 0.75);
}

TEST(Sweeps, SayWhyThereIsNoFit) {
    const Sweep two = make_sweep({cell_of(1, {100}), cell_of(2, {50})}, "x", 4);
    EXPECT_NE(usl_text(two).find("needs three"), std::string::npos) << usl_text(two);
    const Sweep no_one =
        make_sweep({cell_of(2, {100}), cell_of(3, {70}), cell_of(4, {50})}, "x", 4);
    EXPECT_NE(usl_text(no_one).find("one worker"), std::string::npos) << usl_text(no_one);
}

// Goal: a number of workers of which no run came to its end is left out, and the rest is there.
TEST(Sweeps, DoWithoutWhatFailed) {
    const Sweep sweep = make_sweep({cell_of(1, {100}), cell_of(2, {}), cell_of(3, {40})}, "x", 4);
    ASSERT_EQ(sweep.points.size(), 2U);
    EXPECT_EQ(sweep.points[1].workers, 3);
    EXPECT_TRUE(make_sweep({cell_of(1, {})}, "x", 4).points.empty());
    EXPECT_TRUE(sweep_plots(make_sweep({cell_of(1, {})}, "x", 4), "").empty());
}

// Goal: neighbours in the machine are neighbours in the matrix, and each count stays with its two.
TEST(Sweeps, StealsAreGroupedByNodeAndCache) {
    const std::vector<LoopPlace> places{{0, 1, 1}, {1, 0, 0}, {2, 1, 1}, {3, 2, 0}};
    std::vector<std::uint64_t> counts(16);
    counts[0 * 4 + 2] = 7;  // worker 0 from worker 2
    counts[3 * 4 + 1] = 5;
    const StealMatrix matrix = group_steals(places, counts);
    EXPECT_EQ(matrix.order, (std::vector<int>{1, 3, 0, 2}));
    EXPECT_EQ(matrix.at(2, 3), 7U);
    EXPECT_EQ(matrix.at(1, 0), 5U);
    EXPECT_EQ(matrix.most(), 7U);
    EXPECT_FALSE(matrix.node_changes_before(0));
    EXPECT_FALSE(matrix.node_changes_before(1));
    EXPECT_TRUE(matrix.cache_changes_before(1));
    EXPECT_TRUE(matrix.node_changes_before(2));
    EXPECT_FALSE(matrix.cache_changes_before(3));
}

// Goal: every figure of more workers than CPUs says so.
TEST(Sweeps, OversubscribedIsMarkedInEachFigure) {
    std::vector<BenchCell> cells{cell_of(1, {100}), cell_of(2, {60}), cell_of(3, {55})};
    cells.back().outcomes[0].steals[1] = 9;
    const Sweep sweep = make_sweep(cells, "x", 2);
    int drawn = 0;
    for (const Plot& plot : sweep_plots(sweep, "footer")) {
        if (!plot.script.empty()) {
            EXPECT_NE(plot.script.find("oversubscribed"), std::string::npos) << plot.file;
            EXPECT_NE(plot.script.find("'footer'"), std::string::npos) << plot.file;
            ++drawn;
        }
    }
    EXPECT_EQ(drawn, 4);
    EXPECT_NE(sweep_text(sweep).find("oversubscribed"), std::string::npos);
}

TEST(Sweeps, WhatIsNotReportedIsSaid) {
    const auto plots = sweep_plots(make_sweep({cell_of(1, {100})}, "x", 2), "");
    const Plot& latency = plot_named(plots, "percentiles");
    EXPECT_EQ(latency.script, "");
    EXPECT_NE(latency.caption.find("no percentiles"), std::string::npos);
    const Plot& steals = plot_named(plots, "steals");
    EXPECT_EQ(steals.script, "");
    EXPECT_NE(steals.caption.find("nobody to steal from"), std::string::npos);
}

TEST(Sweeps, PercentilesAreLines) {
    std::vector<BenchCell> cells{cell_of(1, {100}), cell_of(2, {60})};
    for (BenchCell& cell : cells) {
        for (const char* name : {"p50", "p99", "p99.9", "wake_p99", "pages", "memory"}) {
            cell.outcomes[0].figures.push_back({name, 5, "us"});
        }
    }
    const Sweep sweep = make_sweep(cells, "x", 2);
    ASSERT_EQ(sweep.percentiles.size(), 4U);
    EXPECT_EQ(sweep.percentiles[2].metric, "p99.9");
    EXPECT_EQ(sweep.percentiles[2].points.size(), 2U);
    EXPECT_NE(plot_named(sweep_plots(sweep, ""), "percentiles").script, "");
}

// Goal: a name is a file's name, and its quotes end no string of gnuplot's.
TEST(Sweeps, NamesAreQuoted) {
    const auto plots = sweep_plots(make_sweep({cell_of(1, {100})}, "x", 2), "it's here");
    EXPECT_EQ(plots[0].file, "made_up-it-s-speed_up");
    EXPECT_NE(plots[0].script.find("'made_up/it''s: speed-up'"), std::string::npos);
    EXPECT_NE(plots[0].script.find("'it''s here'"), std::string::npos);
}

TEST(Figures, TakeThePagesColours) {
    const std::string svg = embedded_svg(
        "<?xml version=\"1.0\"?>\n<svg viewBox=\"0 0 1 1\"><rect fill=\"#ffffff\"/>"
        "<path stroke='rgb(  1,   2,   3)' fill='rgb(200, 201, 202)' color='black'/>"
        "<a fill=\"#ffffff\"/></svg>"
    );
    EXPECT_EQ(
        svg,
        "<svg viewBox=\"0 0 1 1\"><rect fill=\"none\"/>"
        "<path stroke='var(--ink)' fill='var(--grid)' color='var(--ink)'/>"
        "<a fill=\"#ffffff\"/></svg>"
    );
    EXPECT_EQ(embedded_svg("nothing"), "");
}

TEST(Pages, EscapeWhatTheyAreGiven) {
    const std::string page = report_html(
        "a < b & c",
        {{"cpu", "<script>"}, {"threads", 2}},
        {"\"note\"\x01"},
        {{"title", "lead", {{"", "caption > figure"}}, {{"head"}, {"<cell>"}}}}
    );
    EXPECT_EQ(page.find("<script>"), std::string::npos);
    EXPECT_NE(page.find("<h1>a &lt; b &amp; c</h1>"), std::string::npos);
    EXPECT_NE(page.find("&quot;note&quot; "), std::string::npos);
    EXPECT_NE(page.find("<td>&lt;cell&gt;</td>"), std::string::npos);
    EXPECT_NE(page.find("caption &gt; figure"), std::string::npos);
    EXPECT_EQ(page.find('\x01'), std::string::npos);
}

}  // namespace
}  // namespace weft::tool
