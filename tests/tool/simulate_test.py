#!/usr/bin/env python3
"""`weft simulate` as its users meet it: that it shows what it says, writes it, and refuses what it cannot do.

usage: simulate_test.py WEFT [unittest arguments]
"""
import json
import os
import pathlib
import shutil
import sys
import unittest

import tool_test
from tool_test import complaints, weft

TOPOLOGY = "pack:2 numa:1 l3:2 core:8 pu:1"
PRICES = [
    "spawn", "spawn_shared", "run", "run_shared", "change", "change_shared", "line_sibling", "line_l3",
    "line_node", "line_remote", "line_own", "steal", "wake", "wake_latency", "poll", "mail",
]


class Simulate(tool_test.TemporaryFolder):
    def path(self, name):
        return os.path.join(self.folder, name)

    def simulate(self, *arguments, workload="fib", size="14", prices="assumed", check=False):
        """Returns what it printed and what it wrote."""
        run = weft(
            "simulate", "--topology", TOPOLOGY, "--workload", workload, "--size", size, "--prices", prices,
            "--json", self.path("json"), *([] if check else ["--no-check"]), *arguments,
        )
        self.assertEqual((run.returncode, complaints(run.stderr)), (0, []), run)
        return run.stdout.decode(), json.loads(pathlib.Path(self.path("json")).read_text())

    def test_list(self):
        run = weft("simulate", "--list")
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        for name in ["fib", "skynet", "nqueens", "spawn_batch", "mixed", "ping_pong", "server"]:
            self.assertRegex(run.stdout.decode(), rf"(?m)^{name} ")

    def test_each_workload(self):
        sizes = {"fib": "12", "skynet": "300", "nqueens": "5", "spawn_batch": "200", "mixed": "100",
                 "ping_pong": "3", "server": "20"}
        for workload, size in sizes.items():
            with self.subTest(workload):
                text, report = self.simulate("--workers", "1,8", workload=workload, size=size)
                self.assertTrue(text.startswith(workload + ", "), text)
                self.assertEqual([point["workers"] for point in report["points"]], [1, 8])
                self.assertGreater(report["points"][0]["tasks"], 10)

    def test_what_is_written(self):
        text, report = self.simulate("--grain", "500", "--seed", "3")
        self.assertEqual(
            [report[name] for name in ["workload", "size", "grain_ns", "seed", "cores", "caches", "nodes"]],
            ["fib", 14, 500, 3, 32, 4, 2],
        )
        self.assertEqual(list(report["prices"]), PRICES)
        self.assertEqual([point["workers"] for point in report["points"]], [1, 2, 4, 8, 16, 32])
        first, last = report["points"][0], report["points"][-1]
        self.assertEqual((first["speed_up"], first["efficiency"], first["steals"]), (1, 1, 0))
        self.assertGreater(last["speed_up"], 2)
        self.assertAlmostEqual(last["efficiency"], last["speed_up"] / 32)
        self.assertEqual(len(last["loops"]), 32)
        self.assertEqual(sum(loop["work_ns"] for loop in last["loops"]), 610 * 500)
        self.assertEqual(sum(loop["stolen"] for loop in last["loops"]), last["steals"])
        steals = report["steals"]
        self.assertEqual(steals["names"], ["n0/l0", "n0/l1", "n1/l2", "n1/l3"])
        self.assertEqual(sum(steals["thief_by_victim"]), last["steals"])
        self.assertEqual(
            steals["within_cache"] + steals["within_node"] + steals["from_another_node"], last["steals"]
        )
        self.assertEqual(report["check"], [])
        self.assertRegex(text, r"(?m)^ +32 +[\d.]+ +[\d.]+ +[\d.]+ % +\d+ +\d+ +\d+ +\d+ +\d+ %$")
        self.assertIn("by node and cache", text)

    def test_few_workers_have_a_row_each(self):
        text, report = self.simulate("--workers", "1..3")
        self.assertEqual(report["steals"]["names"], ["w0", "w1", "w2"])
        self.assertRegex(text, r"(?m)^  w2 +\d+ +\d+ +0$")

    def test_the_same_again(self):
        first = self.simulate()
        self.assertEqual(self.simulate(), first)
        other = self.simulate("--seed", "2")
        self.assertNotEqual(other[1]["points"][-1]["hash"], first[1]["points"][-1]["hash"])
        # What was written has the prices in it.
        self.assertEqual(self.simulate(prices=self.path("json")), first)

    def test_a_policy_makes_a_difference(self):
        before = self.simulate("--workers", "4")[1]
        os.environ["WEFT_POLICY"] = "public_at_least=1,public_at_most=1"
        self.addCleanup(os.environ.pop, "WEFT_POLICY")
        text, after = self.simulate("--workers", "4")
        self.assertNotEqual(after["points"][0]["hash"], before["points"][0]["hash"])
        self.assertEqual(after["policy"], os.environ["WEFT_POLICY"])
        self.assertIn("WEFT_POLICY=public_at_least=1", text)

    def test_a_price_makes_a_difference(self):
        pathlib.Path(self.path("prices")).write_text('{"prices": {"run": 1e4}}')
        cheap = self.simulate("--workers", "1")[1]["points"][0]["time_ns"]
        dear = self.simulate("--workers", "1", prices=self.path("prices"))[1]["points"][0]["time_ns"]
        self.assertGreater(dear, 10 * cheap)

    def test_print_prices(self):
        run = weft("simulate", "--print-prices")
        self.assertEqual((run.returncode, complaints(run.stderr)), (0, []), run)
        prices = json.loads(run.stdout)
        self.assertEqual(list(prices["prices"]), PRICES)
        self.assertIn("spawn", prices["measured"])
        self.assertEqual(len(prices["measured"]) + len(prices["assumed"]), len(PRICES))

    def test_check(self):
        text, report = self.simulate("--workers", "1", check=True)
        self.assertEqual(report["check"][0]["workers"], 1)
        for point in report["check"]:
            self.assertGreater(point["measured_ns"], 0)
            self.assertGreaterEqual(point["median_ns"], point["measured_ns"])
            self.assertAlmostEqual(
                point["distance"], point["simulated_ns"] / point["measured_ns"] - 1
            )
        self.assertRegex(text, r"(?m)^ +1 +[\d.]+ +[\d.]+ +[+-]\d+ % +[\d.]+$")

    def test_report(self):
        self.simulate("--report", self.path("out/deep"))
        page = pathlib.Path(self.path("out/deep/report.html")).read_text()
        self.assertIn("Simulated", page)
        if shutil.which("gnuplot"):
            self.assertTrue(os.path.exists(self.path("out/deep/fib-efficiency.png")))

    def test_misuse(self):
        bad = self.path("bad")
        pathlib.Path(bad).write_text('{"prices": {"run": -1}}')
        unknown = self.path("unknown")
        pathlib.Path(unknown).write_text('{"prices": {"bribe": 1}}')
        whole = ["simulate", "--topology", TOPOLOGY, "--workload", "fib"]
        for arguments, *named in [
            (["simulate"], "--topology", "--workload"),
            (["simulate", "--topology", TOPOLOGY], "--workload"),
            (["simulate", "--topology", TOPOLOGY, "--workload", "bogus"], "bogus", "fib", "skynet"),
            (["simulate", "--topology", "pack:two", "--workload", "fib"], "--topology", "pack:two", "hwloc"),
            (["simulate", "--topology", "core:100000 pu:1", "--workload", "fib"], "core:100000", "16384"),
            (["simulate", "--topology", "core:2000 pu:1", "--workload", "fib"], "2000", "1024"),
            ([*whole, "--workers", "33"], "--workers", "33", "32 CPUs"),
            ([*whole, "--workers", "0"], "--workers", "0"),
            ([*whole, "--size", "1000"], "--size", "1000", "30"),
            ([*whole, "--size", "-1"], "--size", "-1"),
            ([*whole, "--grain", "nan"], "--grain", "nan"),
            ([*whole, "--grain", "-1"], "--grain", "-1"),
            ([*whole, "--pin", "odd"], "--pin", "odd"),
            ([*whole, "--prices", "/nonexistent"], "--prices", "/nonexistent"),
            ([*whole, "--prices", bad], "--prices", "run", "-1"),
            ([*whole, "--prices", unknown], "--prices", "bribe"),
            ([*whole, "more"], "more"),
        ]:
            with self.subTest(arguments):
                self.assert_misused(arguments, *named)


if __name__ == "__main__":
    tool_test.WEFT = os.path.abspath(sys.argv.pop(1))
    unittest.main()
