#!/usr/bin/env python3
"""Sees to it that instructions.py can fail: it is given baselines that lie.

    planted_test.py PROGRAM
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SCRIPT = Path(__file__).with_name("instructions.py")
CASE = "call_soon"
DEADLINE = 100  # seconds; a run takes 2
SKIPPED = 77


def run(program, baseline, *words):
    command = [sys.executable, str(SCRIPT), program, CASE, "--baseline", str(baseline), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE)
    return done.returncode, done.stdout + done.stderr


def lies(truth):
    """Yields for each lie what it is, the baseline, the exit status, and a pattern of what must be said."""
    count = truth["instructions"][CASE]

    def recorded(factor):
        return truth | {"instructions": {CASE: round(count * factor, 1)}}

    def both_numbers(factor, sign):
        number = recorded(factor)["instructions"][CASE]
        return rf"{CASE}: recorded {number}, now {count}: \{sign}\d\.\d %"

    yield "6 % too low", recorded(0.94), 1, rf"FAILED.* --record\n  {both_numbers(0.94, '+')}"
    yield "4 % too low", recorded(0.96), 0, rf"{CASE} .* \+4\.\d\n1 cases"
    yield "4 % too high", recorded(1.04), 0, rf"{CASE} .* -3\.\d\n1 cases"
    yield "6 % too high", recorded(1.06), 0, rf"Fewer, by .* --record\n  {both_numbers(1.06, '-')}"
    yield "a case too few", truth | {"instructions": {}}, 1, rf"{CASE}: now {count}, and nothing is recorded"
    yield "a case too many", truth | {"instructions": {CASE: count, "gone": 1.0}}, 1, "gone: recorded, and there is no"
    old = truth | {"with": truth["with"] | {"compiler": "gcc 2.95"}}
    yield "another compiler", old, SKIPPED, "nothing is compared.*\n  compiler: recorded gcc 2.95, here "


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        baseline = Path(folder) / "baseline.json"
        status, output = run(options.program, baseline, "--record")
        if status != 0:
            print(f"nothing was recorded: exit status {status}\n{output}")
            return 1
        for what, numbers, expected, pattern in lies(json.loads(baseline.read_text())):
            baseline.write_text(json.dumps(numbers))
            status, output = run(options.program, baseline)
            fine = status == expected and re.search(pattern, output)
            wrong += 0 if fine else 1
            print(f"{what}: {'ok' if fine else f'FAILED, exit status {status}, expected {expected} and: {pattern}'}")
            if not fine:
                print(output)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
