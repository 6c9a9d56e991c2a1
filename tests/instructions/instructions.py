#!/usr/bin/env python3
"""Counts the instructions of an operation and compares them with what was recorded.

    instructions.py PROGRAM [CASE...] [--baseline FILE] [--record]

PROGRAM is `instructions` of the preset release. A rise of more than 5 % fails; a fall of more than 5 % is told, so
that somebody records it: a baseline that is too high lets a later rise pass. Another compiler, machine or libc than
was recorded makes other code: nothing is compared then (exit status 77).
"""

import argparse
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BASELINE = Path(__file__).with_name("baseline.json")
RECORD = "tools/dev instructions --record"
ALLOWED = 5  # percent
SKIPPED = 77
# The first makes what is only made once; what a run has beside its operations goes by the difference of the others.
COUNTS = FIRST, FEW, MANY = 2_000, 2_000, 12_000
AT_ONCE = 2
DEADLINE = 100  # seconds; a case takes 1
ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}


def about(program):
    done = subprocess.run([program, "--about"], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def count(program, case):
    """The instructions of an operation. valgrind takes switches of stacks for calls and returns, so that what it says
    of callers may be wrong; how many instructions there were is not."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "callgrind"
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--combine-dumps=yes",
                   f"--callgrind-out-file={written}", program, case, *map(str, COUNTS)]
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=DEADLINE)
        totals = re.findall(r"^totals: (\d+)$", written.read_text(), re.MULTILINE) if written.exists() else []
    # The last part is what came after the runs.
    if done.returncode != 0 or len(totals) != len(COUNTS) + 1:
        raise SystemExit(f"exit status {done.returncode}, {len(totals)} totals: {' '.join(command)}\n"
                         f"{done.stdout}{done.stderr}")
    _, few, many, _ = map(int, totals)
    return round((many - few) / (MANY - FEW), 1)


def measure(program, cases):
    """The instructions of an operation, by case."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(cases, pool.map(lambda case: count(program, case), cases)))


def compare(now, recorded):
    """Prints a line for each case. Returns those that need more than they may, and those that need much less."""
    risen, fallen = [], []
    print(f"{'instructions an operation':<28}{'recorded':>10}{'now':>10}{'%':>8}")
    for case, number in now.items():
        if case not in recorded:
            print(f"{case:<28}{'-':>10}{number:>10.1f}")
            risen.append(f"{case}: now {number}, and nothing is recorded")
            continue
        percent = 100 * (number / recorded[case] - 1)
        print(f"{case:<28}{recorded[case]:>10.1f}{number:>10.1f}{percent:>+8.1f}")
        line = f"{case}: recorded {recorded[case]}, now {number}: {percent:+.1f} %"
        if percent > ALLOWED:
            risen.append(line)
        elif percent < -ALLOWED:
            fallen.append(line)
    return risen, fallen


def record(path, made_with, cases, now):
    """Writes `now` to the file; what it has of other cases stays, where it is of the same compiler and machine."""
    old = json.loads(path.read_text()) if path.exists() else {}
    kept = old["instructions"] if old.get("with") == made_with else {}
    numbers = {case: number for case in cases if (number := now.get(case, kept.get(case))) is not None}
    path.write_text(json.dumps({"with": made_with, "instructions": numbers}, indent=2) + "\n")


def other(recorded_with, made_with):
    """Yields what differs between the recorded build and this one."""
    for what in recorded_with.keys() | made_with.keys():
        if recorded_with.get(what) != made_with.get(what):
            yield f"{what}: recorded {recorded_with.get(what)}, here {made_with.get(what)}"


def judge(now, recorded, gone):
    """Prints what came of it; returns the exit status."""
    risen, fallen = compare(now, recorded)
    gone = [f"{case}: recorded, and there is no such case" for case in gone]
    if fallen:
        print(f"\nFewer, by more than {ALLOWED} %. Please record that, or a later rise is not seen: {RECORD}",
              *fallen, sep="\n  ")
    if risen or gone:
        print(f"\nFAILED: more by more than {ALLOWED} %, or other cases. If that is meant, record it: {RECORD}",
              *risen, *gone, sep="\n  ")
    return 1 if risen or gone else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    parser.add_argument("--baseline", type=Path, default=BASELINE, metavar="FILE")
    parser.add_argument("--record", action="store_true", help="write the numbers to the baseline")
    options = parser.parse_intermixed_args()
    if shutil.which("valgrind") is None:
        print("valgrind is not installed. `tools/dev deps` installs it; on Debian: apt-get install valgrind")
        return 1
    program = about(options.program)
    baseline = json.loads(options.baseline.read_text()) if options.baseline.exists() else {}
    differences = sorted(other(baseline.get("with", {}), program["with"]))
    if differences and not options.record:
        print("skipped: nothing is compared, as the numbers were recorded for another build", *differences, sep="\n  ")
        return SKIPPED

    started = time.monotonic()
    now = measure(options.program, options.cases or program["cases"])
    seconds = time.monotonic() - started
    if options.record:
        compare(now, {} if differences else baseline["instructions"])
        record(options.baseline, program["with"], program["cases"], now)
        print(f"recorded in {options.baseline}")
        return 0
    status = judge(now, baseline["instructions"], baseline["instructions"].keys() - program["cases"])
    print(f"{len(now)} cases, {seconds:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
