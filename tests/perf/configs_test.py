#!/usr/bin/env python3
"""What config.json of the workloads say, and what is said of one that is wrong."""

import unittest

from peers_path import PERF

import workloads

# What weft is to reach there is not known yet.
WITHOUT_GOAL = {"echo", "mixed"}

RIGHT = {
    "what": "how long it takes",
    "unit": "ns",
    "check": {"tasks": 1},
    "cases": {"one": {"sizes": {"tasks": 10}, "workers": [1, 2], "goal": {"1": 5}}},
}


class Configs(unittest.TestCase):
    def test_all_are_well_formed(self) -> None:
        self.assertTrue(workloads.load(PERF / "workload"))

    def test_all_have_a_weft_and_all_wefts_a_config(self) -> None:
        with_config = {path.parent.name for path in PERF.glob("workload/*/config.json")}
        with_weft = {path.parent.name for path in PERF.glob("workload/*/weft.cpp")}
        self.assertEqual(with_config, with_weft)

    def test_all_name_a_goal_where_one_is_known(self) -> None:
        cases = workloads.load(PERF / "workload")
        names = {case.workload for case in cases}
        self.assertEqual(names - {case.workload for case in cases if case.goals or case.relative}, WITHOUT_GOAL)


class Reading(unittest.TestCase):
    def expect_wrong(self, message: str, **changes: object) -> None:
        with self.assertRaisesRegex(ValueError, message):
            workloads.cases_of("w", {**RIGHT, **changes})

    def test_a_case_for_each_number_of_workers(self) -> None:
        one, two = workloads.cases_of("w", RIGHT)
        self.assertEqual((one.id, one.goals), ("w/one/1", {"time": 5}))
        self.assertEqual((two.id, two.goals), ("w/one/2", {}))
        self.assertEqual(two.words("go"), ["w", "2", "tasks=10"])
        self.assertEqual(one.check_words(3), ["w", "3", "tasks=1"])

    def test_a_peer_may_have_other_sizes_or_be_left_out(self) -> None:
        case = {"sizes": {"tasks": 10, "rows": 2}, "sizes_of": {"go": {"tasks": 3}, "asio": None}, "workers": [1]}
        (read,) = workloads.cases_of("w", {**RIGHT, "cases": {"one": case}})
        self.assertEqual(read.words("go"), ["w", "1", "tasks=3", "rows=2"])
        self.assertIsNone(read.words("asio"))

    def test_goals_of_several_metrics(self) -> None:
        case = {"sizes": {"tasks": 10}, "workers": [1], "goal": {"1": {"cancel": 7}}}
        (read,) = workloads.cases_of("w", {**RIGHT, "metrics": ["create", "cancel"], "cases": {"one": case}})
        self.assertEqual(read.goals, {"cancel": 7})

    def test_goals_that_go_by_another_figure(self) -> None:
        case = {"sizes": {"tasks": 10}, "workers": [1, 2], "goal_of": {"2": {"own": 1.2}}}
        one, two = workloads.cases_of("w", {**RIGHT, "cases": {"one": case}})
        self.assertEqual((one.relative, two.relative), ({}, {"own": 1.2}))

    def test_what_is_wrong_is_said(self) -> None:
        def case(**changes: object) -> dict[str, object]:
            return {"one": {"sizes": {"tasks": 10}, "workers": [1], **changes}}

        self.expect_wrong("unknown: wat", wat=1)
        self.expect_wrong("the unit", unit="s")
        self.expect_wrong("no cases", cases={})
        self.expect_wrong("check has sizes of its own", check={"task": 1})
        self.expect_wrong("whole numbers", cases=case(sizes={"tasks": "10"}))
        self.expect_wrong("w/one: workers", cases=case(workers=[]))
        self.expect_wrong("unknown: goals", cases=case(goals={}))
        self.expect_wrong("a goal for 2 workers", cases=case(goal={"2": 1}))
        self.expect_wrong("number above 0", cases=case(goal={"1": 0}))
        self.expect_wrong("own or floor", cases=case(goal_of={"1": {"best": 1}}))
        self.expect_wrong("number above 0", cases=case(goal_of={"1": {"own": 0}}))
        self.expect_wrong("a goal for 2 workers", cases=case(goal_of={"2": {"own": 1}}))
        self.expect_wrong("which is no metric", cases=case(goal={"1": {"p99": 1}}))
        self.expect_wrong("is to name its metric", metrics=["a", "b"], cases=case(goal={"1": 1}))


if __name__ == "__main__":
    unittest.main()
