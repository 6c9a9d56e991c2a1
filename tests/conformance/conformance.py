#!/usr/bin/env python3
"""Runs programs under CPython's asyncio and on one weft loop, and compares what happened.

    conformance.py --weft PROGRAM                      the named scenarios, against the golden traces
    conformance.py --weft PROGRAM --python PYTHON      the same, against that CPython (3.13 or newer)
        [--seed S] [--count N]    N random programs as well; without --python only for what must hold
        [--sweep [--most M]]      everything again, cancelled at each turn; M programs of it at most
        [--loops N]               weft alone, on N loops: what must hold in any order
        [--record]                writes the golden traces
        [--named PATTERN]         only the scenarios whose names match
        [--show]                  prints the programs

--weft is the program made of run_weft.cpp. A difference is shrunk to a small program and printed with
both traces. The last line reads "N programs, D differences"; the exit code is 1 when there is one.
"""

import argparse
import copy
import json
import random
import re
import sys
from pathlib import Path

import scenario as scenario_form
from generator import Generator
from shrink import shrink
from sides import Side, run_together

HERE = Path(__file__).parent
BATCH = 400
SWEEPS = [{"times": 1}, {"times": 2}, {"times": 1, "timeout": True}]


class Judge:
    """Knows what a program should do: from CPython, from the golden traces, or only what may not be."""

    def __init__(self, options, golden):
        loops = ["--loops", str(options.loops)] if options.loops else []
        self.weft = Side([options.weft, *loops])
        self.python = None
        if options.python and not options.loops:
            self.python = Side([options.python, str(HERE / "run_asyncio.py")])
        self.golden = golden
        self.ordered = not options.loops
        self.skipped = 0
        self.faults = 0

    def differences(self, programs):
        """(program, what it should have done, what it did) of each that differs."""
        found = []
        for first in range(0, len(programs), BATCH):
            batch = programs[first : first + BATCH]
            if self.python is None:
                should = [self.known(program) for program in batch]
                (did,) = run_together([self.weft], batch)
            else:
                should, did = run_together([self.python, self.weft], batch)
            found += [
                (program, expected, result)
                for program, expected, result in zip(batch, should, did)
                if self.is_different(program, expected, result)
            ]
        return found

    def known(self, program):
        trace = self.golden.get(program.get("name")) if "inject" not in program else None
        return {"events": trace} if trace is not None else {}

    def is_different(self, program, expected, result):
        if "died" in result or result["faults"]:
            self.faults += 1
            return True
        if not self.ordered or program.get("differs"):
            return False
        if "died" in expected or expected.get("events") == [["tie"]]:
            self.skipped += 1  # asyncio itself promises nothing, or does not come to an end
            return False
        return "events" in expected and expected["events"] != result["events"]

    def first_that_differs(self, programs):
        found = self.differences(programs)
        return found[0][0] if found else None


def scenarios(pattern):
    """The named ones, and their golden traces."""
    named, golden = [], {}
    for file in sorted((HERE / "scenarios").glob("*.txt")):
        for scenario in scenario_form.parse(file.read_text()):
            if re.search(pattern, scenario["name"]):
                named.append({**scenario, "file": file.stem + ".jsonl"})
        traces = HERE / "golden" / (file.stem + ".jsonl")
        if traces.exists():
            for line in traces.read_text().splitlines():
                record = json.loads(line)
                golden[record["name"]] = record["events"]
    return named, golden


def record(python, named):
    """Writes the golden traces of CPython."""
    results = Side([python, str(HERE / "run_asyncio.py")]).run(named)
    lines = {}
    for scenario, result in zip(named, results):
        if scenario.get("differs"):
            continue
        if "died" in result or result["events"] == [["tie"]]:
            sys.exit(f"{scenario['name']}: {result}")
        text = json.dumps({"name": scenario["name"], "events": result["events"]})
        lines.setdefault(scenario["file"], []).append(text + "\n")
    for file, texts in lines.items():
        (HERE / "golden").mkdir(exist_ok=True)
        (HERE / "golden" / file).write_text("".join(texts))
    print(f"{sum(map(len, lines.values()))} traces recorded")


def cancelled_everywhere(programs, judge):
    """Each program again with a cancellation of each task at each turn until it has ended."""
    (results,) = run_together([Side(judge.weft.command[:1])], programs)
    for program, result in zip(programs, results):
        if '"staggered"' in json.dumps(program["tasks"]):
            program = {"differs": "weft waits for the functions that it cancels", **program}
        for victim in program["tasks"]:
            turns = [event[1] for event in result.get("events", []) if event[2].split("/")[0] == victim]
            for turn in range(1, max(turns, default=0) + 1):
                for sweep in SWEEPS:
                    injected = copy.deepcopy(program)
                    injected["inject"] = [{"turn": turn, "cancel": victim, **sweep}]
                    yield injected


def show(program, expected, result):
    print("\na difference:", json.dumps(program))
    for name, side in (("asyncio", expected), ("weft", result)):
        print(name + ":")
        for event in side.get("events") or []:
            print("   ", *event)
        for key in ("faults", "died", "stderr"):
            if side.get(key):
                print("   ", key + ":", side[key])


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weft", required=True)
    parser.add_argument("--python")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--most", type=int, default=1_000_000)
    parser.add_argument("--loops", type=int, default=0)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--named", default="")
    parser.add_argument("--show", action="store_true")
    return parser.parse_args()


def main():
    options = parse()
    named, golden = scenarios(options.named)
    if options.record:
        record(options.python, named)
        return 0
    judge = Judge(options, golden)
    print(f"seed {options.seed}")
    rng = random.Random(options.seed)
    alone = judge.python is None
    programs = named + [
        Generator(random.Random(rng.random()), alone).program() for _ in range(options.count)
    ]
    if options.sweep:
        swept = list(cancelled_everywhere(programs, judge))
        rng.shuffle(swept)
        of = len(programs)
        programs = swept[: options.most]
        print(f"{len(programs)} runs of {len(swept)}: {of} programs, each task cancelled at each turn")
    if options.show:
        for program in programs:
            print(json.dumps(program))
    different = judge.differences(programs)
    skipped, faults = judge.skipped, judge.faults
    if different:
        smallest = shrink(different[0][0], judge.first_that_differs)
        again = judge.differences([smallest])
        show(*(again or different)[0])
    if skipped:
        print(f"{skipped} skipped: equal deadlines, or no end under CPython")
    if faults:
        print(f"{faults} of them by what must hold in any order")
    print(f"{len(programs)} programs, {len(different)} differences")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
