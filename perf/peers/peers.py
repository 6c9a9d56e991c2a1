#!/usr/bin/env -S python3 -B
"""Measures weft beside its peers: the same workloads, the same sizes, in one interleaved run.

Builds what is installed. In each round it runs a loop that only computes, and then, case by case, the floor, every
peer and weft one after the other, so that all of them meet the same machine. A cell whose runs have taken longer
than --budget is not run again. Prints a table of the medians, and writes every value to --json.

--check runs every program once, with sizes that take no time: whether all come to the right results.

Exits with 1 when something was wrong: a build, a result, a run that did not end.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import time

import build_peers
import machine
import workloads
from build_peers import Peer
from table import FLOOR, WEFT, Row, legend, link_own, table

CALIBRATION = ["calibrate", "1", "steps=100000000"]


class WentWrong(Exception):
    """A run that came to nothing; says why."""


def measure(command: list[str], timeout: float) -> dict[str, float]:
    """Returns what the program printed: values by metric.

    Errors  WentWrong.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise WentWrong(f"took more than {timeout:.0f} s") from None
    except OSError as error:
        raise WentWrong(f"does not start: {error}") from None
    if done.returncode != 0:
        last = done.stderr.strip().split("\n")[-1]
        raise WentWrong(f"ended with {done.returncode}: {last}")
    return {words[1]: float(words[2]) for words in map(str.split, done.stdout.splitlines()) if words[:1] == ["M"]}


class Measuring:
    """All rounds."""

    def __init__(self, cases: list[workloads.Case], peers: list[Peer], commands: dict[str, list[str]],
                 options: argparse.Namespace) -> None:
        self.cases = cases
        self.peers = [peer for peer in peers if peer.name in commands]
        self.commands = commands
        self.options = options
        self.calibration: list[float] = []
        self.problems: list[str] = []
        self.rows = {(case.id, metric): Row(case, metric) for case in cases for metric in case.metrics}
        link_own(list(self.rows.values()))
        self.spent: dict[tuple[str, str], float] = {}

    def run_round(self, round_number: int) -> None:
        if FLOOR in self.commands:
            try:
                self.calibration.append(measure([*self.commands[FLOOR], *CALIBRATION], 60)["time"])
            except WentWrong as problem:
                self.problems.append(f"{FLOOR}: calibrate {problem}")
        for case in self.cases:
            first = round_number % len(self.peers)  # nobody always comes after the same one
            for peer in self.peers[first:] + self.peers[:first]:
                self.run_cell(case, peer)
        print(f"round {round_number + 1} of {self.options.rounds} done", file=sys.stderr, flush=True)

    def run_cell(self, case: workloads.Case, peer: Peer) -> None:
        words = case.words(peer.name)
        if words is not None and self.options.check:
            words = case.check_words(case.workers)
        has_it = (build_peers.WORKLOADS / case.workload / peer.file).exists()
        cell = (case.id, peer.name)
        if (words is None or not has_it or (peer.one_worker and case.workers > 1)
                or self.spent.get(cell, 0) > self.options.budget):
            return
        start = time.monotonic()
        try:
            figures = measure([*self.commands[peer.name], *words], self.options.timeout)
            if figures and set(figures) != set(case.metrics):  # a floor may have none
                raise WentWrong(f"printed {', '.join(figures)}, not {', '.join(case.metrics)}")
            for metric, value in figures.items():
                self.rows[case.id, metric].values.setdefault(peer.name, []).append(value)
            self.spent[cell] = self.spent.get(cell, 0) + time.monotonic() - start
        except WentWrong as problem:
            self.problems.append(f"{peer.name}: {case.id} {problem}")
            self.spent[cell] = float("inf")

    def result(self) -> dict[str, object]:
        return {
            "machine": machine.fingerprint(build_peers.ROOT),
            "rounds": self.options.rounds,
            "calibration": self.calibration,
            "problems": self.problems,
            "rows": [
                {
                    "workload": row.case.workload,
                    "case": row.case.name,
                    "workers": row.case.workers,
                    "metric": row.metric,
                    "unit": row.case.unit,
                    "goal": row.goal,
                    "met": row.is_met,
                    "of best": row.ratio(row.best()),
                    "of floor": row.ratio(row.median(FLOOR)),
                    "peers": {
                        peer: {
                            "median": row.median(peer),
                            "least": min(values),
                            "most": max(values),
                            "values": values,
                        }
                        for peer, values in row.values.items()
                    },
                }
                for row in self.rows.values()
            ],
        }


def build_all(peers: list[Peer], weft: pathlib.Path) -> tuple[dict[str, list[str]], list[str], list[str]]:
    """Returns the commands, the peers left out, and what did not build."""
    commands, left_out, broken = {}, [], []
    for peer in peers:
        print(f"building {peer.name}", file=sys.stderr, flush=True)
        try:
            commands[peer.name] = build_peers.build(peer, weft)
        except build_peers.NotInstalled:
            left_out.append(f"{peer.name} is not installed, and left out; it needs {peer.packages}: "
                            "tools/dev deps peers")
        except build_peers.DoesNotBuild as error:
            broken.append(f"{peer.name} does not build: see {error}")
    return commands, left_out, broken


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("filter", nargs="?", default="", help="regex for WORKLOAD/CASE/WORKERS, fib/32/1 say")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="see whether the results are right, and measure nothing")
    parser.add_argument("--only", help="a comma list of " + ", ".join(peer.name for peer in build_peers.ALL))
    parser.add_argument("--json", type=pathlib.Path, default=build_peers.BUILD / "result.json", metavar="FILE")
    parser.add_argument("--budget", type=float, default=8, metavar="SECONDS", help="of one peer in one case (%(default)s)")
    parser.add_argument("--timeout", type=float, default=120, metavar="SECONDS", help="of one run (%(default)s)")
    parser.add_argument("--weft", type=pathlib.Path, default=build_peers.ROOT / "build/release/bin/weft_workloads",
                        metavar="PROGRAM", help="another build of weft_workloads")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else [peer.name for peer in build_peers.ALL]
    if options.check:
        options.rounds = 1
    unknown = set(names) - {peer.name for peer in build_peers.ALL}
    if unknown:
        parser.error(f"--only: unknown: {', '.join(sorted(unknown))}")
    options.peers = [peer for peer in build_peers.ALL if peer.name in names]
    return options


def main() -> int:
    options = read_options()
    cases = [case for case in workloads.load(build_peers.WORKLOADS) if re.search(options.filter, case.id)]
    if not cases:
        print(f"no case matches {options.filter}", file=sys.stderr)
        return 2
    commands, left_out, broken = build_all(options.peers, options.weft)
    measuring = Measuring(cases, options.peers, commands, options)
    try:
        for round_number in range(options.rounds if commands else 0):
            measuring.run_round(round_number)
    except KeyboardInterrupt:
        measuring.problems.append("interrupted: there are fewer rounds")
    measuring.problems[:0] = broken
    if not options.check:
        tell(measuring, options, left_out)
    for line in left_out + measuring.problems:
        print(line)
    return 1 if measuring.problems else 0


def tell(measuring: Measuring, options: argparse.Namespace, left_out: list[str]) -> None:
    """Prints the table, and writes all values to the file."""
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({**measuring.result(), "left out": left_out}, indent=1), encoding="utf-8")
    print(table(list(measuring.rows.values()), [peer.name for peer in options.peers]))
    print(f"\n{legend()}")
    if measuring.calibration:
        print(f"A loop that only computes: {min(measuring.calibration):.2f} to {max(measuring.calibration):.2f} ns a "
              "step; the further apart, the less the machine was quiet.")
    print(f"every value: {options.json}")


if __name__ == "__main__":
    sys.exit(main())
