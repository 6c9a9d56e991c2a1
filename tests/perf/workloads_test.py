#!/usr/bin/env python3
"""weft's side of every workload comes to the right result, on one worker and on two.

usage: workloads_test.py WEFT_WORKLOADS

The sizes are those of "check" in config.json; each program checks its result itself.
"""

import re
import subprocess
import sys

from peers_path import PERF

import workloads


def problem_of(program: str, case: workloads.Case, workers: int) -> str | None:
    done = subprocess.run([program, *case.check_words(workers)], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        return f"ended with {done.returncode}: {done.stderr}"
    printed = re.findall(r"^M (\S+) \d+\.\d{3} (\S+)$", done.stdout, re.MULTILINE)
    expected = [(metric, case.unit) for metric in case.metrics]
    return None if printed == expected else f"printed {printed}, not {expected}"


def refuses(program: str, *words: str) -> bool:
    done = subprocess.run([program, *words], capture_output=True, text=True, timeout=60)
    return done.returncode != 0 and bool(done.stderr)


def main() -> int:
    program = sys.argv[1]
    problems = []
    cases = {(case.workload, case.name): case for case in workloads.load(PERF / "workload")}
    for (workload, name), case in cases.items():
        for workers in (1, 2):
            problem = problem_of(program, case, workers)
            if problem is not None:
                problems.append(f"{workload}/{name} with {workers} workers: {problem}")
    if not refuses(program, "nqueens", "1", "rows=6", "ways=5"):
        problems.append("a wrong result does not end in an error")
    if not refuses(program, "fib", "1"):
        problems.append("a size that is missing does not end in an error")
    if not refuses(program, "no_such", "1"):
        problems.append("a workload that is missing does not end in an error")
    print("\n".join(problems) or f"{len(cases)} cases came to the right result")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
