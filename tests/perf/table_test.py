#!/usr/bin/env python3
"""The table of `tools/dev peers`, made of figures that nobody measured."""

import unittest

import peers_path  # noqa: F401

from table import Row, link_own, number, table
from workloads import Case


def row(goals: dict[str, float] | None = None, metric: str = "time", **values: list[float]) -> Row:
    case = Case("w", "one", 1, "ns", (metric,), {}, {}, {}, goals or {})
    return Row(case, metric, values)


class Ratios(unittest.TestCase):
    def test_to_the_best_peer_the_best_stackful_one_and_the_floor(self) -> None:
        measured = row(floor=[5], go=[40], rayon=[10], boost_fiber=[100], weft=[20])
        self.assertEqual(measured.ratio(measured.best()), 2)
        self.assertEqual(measured.ratio(measured.best(("go", "boost_fiber"))), 0.5)
        self.assertEqual(measured.ratio(measured.median("floor")), 4)

    def test_of_medians(self) -> None:
        measured = row(go=[1, 30, 10], weft=[5, 900, 5])
        self.assertEqual(measured.ratio(measured.best()), 0.5)

    def test_of_nothing_there_is_none(self) -> None:
        alone = row(weft=[5])
        self.assertIsNone(alone.ratio(alone.best()))
        self.assertIsNone(alone.ratio(alone.median("floor")))
        without_weft = row(go=[5])
        self.assertIsNone(without_weft.ratio(without_weft.best()))

    def test_a_peer_that_came_to_nothing_is_none(self) -> None:
        measured = row(go=[], rayon=[10], weft=[5])
        self.assertEqual(measured.best(), 10)
        self.assertIsNone(measured.best(("go",)))


class Goals(unittest.TestCase):
    def test_a_goal_is_what_may_be_reached(self) -> None:
        self.assertTrue(row({"time": 5}, weft=[5]).is_met)
        self.assertFalse(row({"time": 5}, weft=[5.01]).is_met)

    def test_without_a_goal_or_a_figure_nothing_is_said(self) -> None:
        self.assertIsNone(row(weft=[5]).is_met)
        self.assertIsNone(row({"time": 5}, go=[5]).is_met)
        self.assertIsNone(row({"cancel": 5}, weft=[5]).is_met)


    def test_a_goal_may_go_by_the_floor_or_by_weft_with_one_worker(self) -> None:
        def of(workers: int, relative: dict[str, float], **values: list[float]) -> Row:
            return Row(Case("w", "one", workers, "ns", ("time",), {}, {}, {}, {}, relative), "time", values)

        self.assertTrue(of(1, {"floor": 1.5}, floor=[10], weft=[15]).is_met)
        self.assertFalse(of(1, {"floor": 1.5}, floor=[10], weft=[16]).is_met)
        self.assertIsNone(of(1, {"floor": 1.5}, weft=[16]).is_met)
        rows = [of(1, {}, weft=[10]), of(2, {"own": 0.5}, weft=[5]), of(2, {"own": 0.5}, weft=[6])]
        self.assertIsNone(rows[1].is_met)
        link_own(rows)
        self.assertEqual([row.is_met for row in rows], [None, True, False])


class Table(unittest.TestCase):
    def test_columns_in_order_with_weft_last_and_no_empty_one(self) -> None:
        text = table([row({"time": 10}, go=[40], floor=[5], weft=[20])], ["floor", "go", "asio", "weft"])
        header, line = text.split("\n")
        self.assertEqual(
            header.split(),
            ["workload/case/workers", "unit", "floor", "go", "weft", "/best", "/stackful", "/floor", "goal"],
        )
        self.assertEqual(
            line.split(), ["w/one/1", "ns", "5.00", "40.0", "20.0", "0.50", "0.50", "4.00", "10.0", "NOT", "met"]
        )

    def test_a_metric_of_its_own_is_named_and_a_row_without_figures_left_out(self) -> None:
        lines = table([row(metric="p99", weft=[1]), row()], ["weft"]).split("\n")
        self.assertEqual(len(lines), 2)
        self.assertTrue(lines[1].startswith("w/one/1 p99"))

    def test_rounds_that_differ_are_marked(self) -> None:
        self.assertIn(" 10.0~", table([row(weft=[10, 10, 14])], ["weft"]))
        self.assertNotIn("~", table([row(weft=[10, 10, 12])], ["weft"]))

    def test_columns_are_aligned(self) -> None:
        lines = table([row(go=[1], weft=[1]), row(go=[123456], weft=[1])], ["go", "weft"]).split("\n")
        self.assertEqual(lines[0].index("go") + 2, lines[1].index("1.00") + 4)
        self.assertEqual(lines[0].index("go") + 2, lines[2].index("123456") + 6)

    def test_three_digits_that_count(self) -> None:
        self.assertEqual([number(value) for value in (None, 1.234, 12.34, 1234.5)], ["", "1.23", "12.3", "1234"])


if __name__ == "__main__":
    unittest.main()
