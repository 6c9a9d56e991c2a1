#!/usr/bin/env python3
"""Makes one call of the system fail at a time, and judges what weft makes of it.

    matrix.py --build FOLDER [--all | --only CALL:ERROR:N | --count N] [--seed S] [--occurrences N]

FOLDER is a preset's build folder. Each pair of a call and an error (pairs.py) is
injected at the first, second, ... occurrence, each in a process of its own: --all at each of the
first 20, else --count of these, drawn by --seed. A process must not crash, hang or leave anything
behind; what it tells of must be what pairs.py promises; no byte may be lost; and a complete exchange
with the same server must succeed within a second after the fault.

Prints a table and, for each finding, the command that shows it again. Exit code 1 for a finding.
"""

import argparse
import collections
import concurrent.futures
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

from pairs import ABSORBED, NAMED, PAIRS

SERVED_WITHIN_MS = 1000
ROUNDS = 12
OUTCOMES = ["absorbed", "warned", "named", "not reached", "FINDING"]

# How the end of a connection, or somebody who waits, learns that another was told of the error.
CONSEQUENCE = re.compile(
    r"weft::IncompleteReadError: the stream ended after"
    r"|(read from|write to|connection to) 127\.0\.0\.1:\d+: (Connection reset by peer|Broken pipe)"
)


class Run:
    """One process under the injector."""

    def __init__(self, options, pair, occurrence):
        self.pair = pair
        rules = [f"{pair.call}:{pair.error}:{occurrence}", *pair.others]
        self.name = rules[0]
        environment = {
            **os.environ,
            **dict(pair.environment),
            "LD_PRELOAD": str(options.build / "lib" / "libweft_inject.so"),
            "WEFT_INJECT": ",".join(rules),
            "WEFT_INJECT_REPORT": "1",
        }
        command = [str(options.build / "bin" / "fault_matrix"), str(options.rounds), options.plant, str(options.deadline)]
        try:
            done = subprocess.run(
                command,
                env=environment,
                capture_output=True,
                timeout=2 * options.deadline,
                check=False,
                text=True,
                errors="replace",
            )
            self.status, self.stderr, output = done.returncode, done.stderr, done.stdout
        except subprocess.TimeoutExpired as late:
            self.status, self.stderr = "late", ""
            output = (late.stdout or b"").decode(errors="replace")
        self.lines = [line.split("\t", 2) for line in output.splitlines()]
        self.lines = [line for line in self.lines if len(line) == 3]
        count = re.search(rf"inject: {pair.call} called (\d+) injected (\d+)", self.stderr)
        self.reached = count is None or int(count[2]) > 0

    def told(self, kind):
        return [f"{place}: {text}" for what, place, text in self.lines if what == kind]

    def errors(self):
        return self.told("error") + [line[7:] for line in self.told("log") if line.startswith("error: ")]

    def warnings(self):
        return [line for line in self.told("log") if line.startswith("warning: ")]

    def findings(self):
        """What is wrong, in words; empty when nothing is."""
        found = []
        if self.told("hang") or self.status == "late":
            found.append("hang: " + " ".join(self.told("hang")))
        elif self.status != 0:
            found.append(f"crash: exit code {self.status}: {self.stderr[:300]!r}")
        found += ["wrong bytes: " + line for line in self.told("wrong")]
        found += ["leak: " + line for line in self.told("left")]
        found += ["does not serve any more: " + line for line in self.told("unserved")]
        if found or not self.reached:
            return found + self.undocumented()
        served = [int(line.split()[-1]) for line in self.told("served")]
        if not served:
            found.append("no exchange after the fault")
        found += [
            f"served again only after {ms} ms" for ms in served if ms > SERVED_WITHIN_MS
        ]
        if self.pair.outcome == NAMED and not any(self.names(line) for line in self.errors() + self.warnings()):
            found.append(f"nobody was told of {self.pair.error} ({self.pair.text})")
        return found + self.undocumented()

    def names(self, line):
        """Whether the line says what was being done and how it failed."""
        if self.pair.outcome == ABSORBED:
            return False
        text = "" if "bad_alloc" in self.pair.says else self.pair.text
        return re.search(self.pair.says, line) is not None and text in line

    def undocumented(self):
        surprise = [
            line
            for line in self.errors()
            if not self.names(line)
            and not (self.pair.outcome != ABSORBED and CONSEQUENCE.search(line))
        ]
        return ["no such error is documented: " + line for line in surprise]

    def is_late_only(self):
        """Whether the only finding is one that a machine with other work makes as well."""
        return [line.startswith("served again only") for line in self.findings()] == [True]

    def outcome(self):
        if self.findings():
            return "FINDING"
        if not self.reached:
            return "not reached"
        if any(self.names(line) for line in self.errors()):
            return "named"
        return "warned" if any("warning: " in line for line in self.told("log")) else "absorbed"


def judged(options, pair, occurrence):
    """A run; the second one where the first was late, as others may have had the processors."""
    run = Run(options, pair, occurrence)
    return Run(options, pair, occurrence) if run.is_late_only() else run


def jobs_of(options):
    if options.only:
        call, error, occurrence = options.only.split(":")
        chosen = [pair for pair in PAIRS if (pair.call, pair.error) == (call, error)]
        if not chosen:
            sys.exit(f"matrix.py: pairs.py has no {call}:{error}")
        return [(chosen[0], int(occurrence))]
    jobs = [(pair, n) for pair in PAIRS for n in range(1, options.occurrences + 1)]
    if not options.all:
        # Each pair as often as any other, so that none is left out by chance.
        draw = random.Random(options.seed)
        by_pair = [(pair, draw.randint(1, options.occurrences)) for pair in PAIRS]
        draw.shuffle(by_pair)
        rest = [job for job in jobs if job not in by_pair]
        jobs = (by_pair + draw.sample(rest, len(rest)))[: options.count]
    return jobs


def print_table(counts):
    print(f"{'call':18}{'error':14}" + "".join(f"{name:>13}" for name in OUTCOMES))
    for pair, count in counts.items():
        print(f"{pair.call:18}{pair.error:14}" + "".join(f"{count[name] or '-':>13}" for name in OUTCOMES))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", metavar="CALL:ERROR:N")
    parser.add_argument("--count", type=int, default=len(PAIRS))
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--occurrences", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--deadline", type=int, default=60, help="seconds until a process is said to hang")
    parser.add_argument("--plant", default="none", help="a bug, to see that it is found")
    options = parser.parse_args()
    options.build = options.build.resolve()

    jobs = jobs_of(options)
    print(f"{len(jobs)} processes, {'all' if options.all else f'--seed {options.seed}'}", flush=True)
    began = time.monotonic()
    counts = collections.defaultdict(collections.Counter)
    injected = findings = slowest = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for run in pool.map(lambda job: judged(options, *job), jobs):
            counts[run.pair][run.outcome()] += 1
            injected += run.reached
            slowest = max([slowest, *(int(line.split()[-1]) for line in run.told("served"))])
            for finding in run.findings():
                findings += 1
                print(f"FINDING {run.name}: {finding}\n    tools/dev inject --only {run.name}", flush=True)
            if options.only:
                print("\n".join("\t".join(line) for line in run.lines))
    if not options.only:
        print_table(counts)
    print(
        f"{injected} faults injected into {len({pair.call for pair in counts})} calls,"
        f" {len(counts)} pairs: {findings} findings; served again after {slowest} ms at most"
        f" ({time.monotonic() - began:.0f} s)"
    )
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
