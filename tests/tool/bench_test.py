#!/usr/bin/env python3
"""`weft bench` as its users meet it: that it measures, writes what it says, and refuses what it cannot do.
What the figures are is not asked here.

usage: bench_test.py WEFT [unittest arguments]
"""
import csv
import json
import os
import pathlib
import shutil
import sys
import unittest
import xml.dom.minidom

import tool_test
from tool_test import complaints, weft

FINGERPRINT = [
    "cpu", "sockets", "cores", "threads", "numa_nodes", "virtual", "kernel", "governor", "cgroup_quota",
    "affinity", "thp", "environment", "compiler", "build", "weft", "commit", "date",
]


class Bench(tool_test.TemporaryFolder):
    def path(self, name):
        return os.path.join(self.folder, name)

    def measure(self, name, *arguments):
        """Runs the shortest case there is and returns what it wrote."""
        run = weft("bench", "run", "^yield/2$", "--quick", "--json", self.path(name), *arguments)
        self.assertEqual((run.returncode, complaints(run.stderr)), (0, []), run)
        return run.stdout.decode(), json.loads(pathlib.Path(self.path(name)).read_text())

    def steady(self, name):
        """Puts values in place of the measured ones that no machine has disturbed."""
        path = pathlib.Path(self.path(name))
        report = json.loads(path.read_text())
        for result in report["results"]:
            result["values"] = [10 + number for number in range(len(result["values"]))]
        path.write_text(json.dumps(report))
        return self.path(name)

    def slowed(self, name, by):
        """The same file, with each value and what else is in it `by` times as large."""
        report = json.loads(pathlib.Path(self.path(name)).read_text())
        for result in report["results"]:
            result["values"] = [value * by for value in result["values"]]
        pathlib.Path(self.path("slowed")).write_text(json.dumps(report))
        return self.path("slowed")

    def test_list(self):
        run = weft("bench", "list")
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        self.assertRegex(run.stdout.decode(), r"(?m)^yield: tasks .* \[ns\]$")
        self.assertRegex(run.stdout.decode(), r"(?m)^  yield/2 +workers 1 +tasks=2 yields=\d+$")

    def test_run(self):
        text, report = self.measure("file", "--repeats", "2", "--workers", "1")
        self.assertRegex(text, r"(?m)^  yield/2 +1  time +[\d.]+ +[\d.]+\.\.[\d.]+ ")
        self.assertEqual(list(report["fingerprint"]), FINGERPRINT)
        for name in FINGERPRINT:
            self.assertIn(name, text)
        self.assertEqual(report["failures"], [])
        [result] = report["results"]
        self.assertEqual(
            [result[name] for name in ["workload", "case", "workers", "metric", "unit"]],
            ["yield", "2", 1, "time", "ns"],
        )
        self.assertEqual(len(result["values"]), 2)
        self.assertEqual(result["median"], sum(result["values"]) / 2)

    def test_a_run_that_fails_is_named(self):
        # More loops than descriptors: the child cannot even begin.
        run = weft("bench", "run", "^yield/2$", "--workers", "100", "--oversubscribe", "--repeats", "1",
                   preexec_fn=limit_descriptors)
        self.assertEqual(run.returncode, 1, run)
        [line] = complaints(run.stderr)
        self.assertIn(b"weft bench: yield/2, 100 workers, run 1: ", line)
        self.assertIn(b"exit code 1", line)

    def test_compare(self):
        _, _ = self.measure("file", "--repeats", "4")
        file = self.steady("file")
        same = weft("bench", "compare", file, file)
        self.assertEqual((same.returncode, same.stderr), (0, b""))
        self.assertIn(b"no difference", same.stdout)
        self.assertNotIn(b"warning", same.stdout)

        slowed = self.slowed("file", 100)
        slower = weft("bench", "compare", file, slowed)
        self.assertEqual((slower.returncode, slower.stderr), (1, b""))
        self.assertRegex(slower.stdout.decode(), r"(?m)^  yield/2 .* 100\.000 +0\.029  SLOWER$")
        self.assertEqual(weft("bench", "compare", slowed, file).returncode, 0)
        wide = weft("bench", "compare", file, slowed, "--threshold", "1000%")
        self.assertEqual(wide.returncode, 1)

    def test_compare_of_another_machine(self):
        _, report = self.measure("file", "--repeats", "1")
        report["fingerprint"]["cpu"] = "another"
        self.write("other", json.dumps(report).encode())
        run = weft("bench", "compare", self.path("file"), self.path("other"))
        self.assertEqual(run.returncode, 0)
        self.assertRegex(run.stdout.decode(), r"(?m)^  warning: cpu differs: '.*' and 'another'$")
        self.assertIn(b"too few runs", run.stdout)

    def sweep(self, *arguments, **options):
        out = self.path("out")
        run = weft("bench", "sweep", "spawn_join", "--quick", "--repeats", "2", "--out", out,
                   "--workers", "1..2", "--oversubscribe", *arguments, **options)
        self.assertEqual(run.returncode, 0, run)
        page = xml.dom.minidom.parse(out + "/report.html")
        return out, page, run

    def assert_has_fingerprint(self, page):
        [table] = [table for table in page.getElementsByTagName("table")
                   if table.getAttribute("id") == "fingerprint"]
        names = [name.firstChild.data for name in table.getElementsByTagName("th")]
        self.assertEqual(names, FINGERPRINT)

    @unittest.skipUnless(shutil.which("gnuplot"), "needs gnuplot")
    def test_sweep(self):
        out, page, run = self.sweep("--pin", "none")
        self.assertEqual(complaints(run.stderr), [])
        self.assert_has_fingerprint(page)
        drawn = {"speed_up", "efficiency", "time"}
        if "steals" in {name.rsplit("-")[-1][:6] for name in os.listdir(out)}:
            drawn.add("steals")  # there may have been none
        self.assertEqual(len(page.getElementsByTagName("svg")), len(drawn))
        for name in drawn:
            base = f"{out}/spawn_join-one-{name}"
            xml.dom.minidom.parse(base + ".svg")
            self.assertEqual(pathlib.Path(base + ".png").read_bytes()[:4], b"\x89PNG")
        text = page.toxml()
        self.assertIn("a fit needs three numbers of workers", text)
        self.assertIn("reports no percentiles", text)

        report = json.loads(pathlib.Path(out + "/sweep.json").read_text())
        self.assertEqual(list(report["fingerprint"]), FINGERPRINT)
        self.assertEqual(report["pin"], "none")
        [sweep] = report["sweeps"]
        self.assertEqual([point["workers"] for point in sweep["points"]], [1, 2])
        self.assertEqual(sweep["points"][0]["speed_up"], 1)
        self.assertEqual(sweep["points"][1]["oversubscribed"], report["cpus"] < 2)
        self.assertEqual(sorted(sweep["steals"]["order"]), [0, 1])
        self.assertEqual(sum(sweep["steals"]["thief_by_victim"]), sweep["points"][1]["steals"])
        with open(out + "/sweep.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([(row["workers"], row["run"]) for row in rows],
                         [("1", "1"), ("1", "2"), ("2", "1"), ("2", "2")])
        self.assertEqual(rows[0]["commit"], report["fingerprint"]["commit"])
        compared = weft("bench", "compare", out + "/sweep.json", out + "/sweep.json")
        self.assertEqual(compared.returncode, 0)

    def test_sweep_without_gnuplot(self):
        out, page, run = self.sweep(env={**os.environ, "PATH": self.folder})
        [line] = complaints(run.stderr)
        self.assertIn(b"gnuplot is not installed", line)
        self.assert_has_fingerprint(page)
        self.assertEqual(len(page.getElementsByTagName("svg")), 0)
        self.assertIn("gnuplot is not installed", page.toxml())
        self.assertEqual(sorted(os.listdir(out)), ["report.html", "sweep.csv", "sweep.json"])

    def test_out_that_cannot_be_made(self):
        self.write("file")
        run = weft("bench", "sweep", "yield/2", "--out", self.path("file"))
        self.assertEqual(run.returncode, 1)
        [line] = complaints(run.stderr)
        self.assertIn(b"/file", line)

    def test_misuse(self):
        self.write("file", b"{}")
        file = self.path("file")
        for arguments, *named in [
            ([], "sub-command"),
            (["bogus"], "bogus"),
            (["run", "no such"], "no such"),
            (["run", "("], "("),
            (["run", "--workers", "1..x"], "1..x", "1..4"),
            (["run", "--workers", ""], "--workers"),
            (["run", "yield", "--workers", "1000"], "1000", "--oversubscribe"),
            (["run", "--repeats", "0"], "--repeats", "0"),
            (["compare", file], "B"),
            (["compare", file, "/nonexistent"], "/nonexistent"),
            (["compare", file, file], file, "format"),
            (["compare", file, file, "--threshold", "much"], "--threshold", "much"),
            (["sweep"], "WORKLOAD"),
            (["sweep", "no such"], "no such"),
            (["sweep", "yield", "--pin", "odd"], "--pin", "odd"),
            (["sweep", "yield", "--smt", "odd"], "--smt", "odd"),
            (["sweep", "yield", "--workers", "4..1"], "4..1"),
        ]:
            with self.subTest(arguments):
                self.assert_misused(["bench", *arguments], "bench", *named)

    def test_help(self):
        for command in [["list"], ["run"], ["compare"], ["sweep"]]:
            run = weft("bench", *command, "--help")
            self.assertEqual((run.returncode, run.stderr), (0, b""), command)
            self.assertIn("Usage: weft bench " + command[0], run.stdout.decode())
        self.assertNotIn(b"\n  one ", weft("bench", "--help").stdout)


def limit_descriptors():
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


if __name__ == "__main__":
    tool_test.WEFT = os.path.abspath(sys.argv.pop(1))
    unittest.main()
