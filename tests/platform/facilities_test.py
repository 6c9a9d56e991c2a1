#!/usr/bin/env python3
"""Refuses weft what it can do without, one thing at a time: it must run all the same, by a worse way.

usage: facilities_test.py PROGRAM [--no-canaries]

Each row of the table sets WEFT_DISABLE, runs platform_facilities, and looks at the guards and facts it
found, at the result of its work and at each warning; then a stack overflows, and the report must be there.
"""
import argparse
import os
import re
import signal
import subprocess
import sys

GUARDS = ["process_madvise", "madvise", "mprotect", "canary"]  # from the best to the last
CANARIES = "further stacks have canaries"
UNKNOWN = ("WEFT_DISABLE=hvloc,io_uring is ignored: "
           "expected process_madvise, madvise, guard, mprotect, hugepage, membarrier, hwloc, cgroup")

# WEFT_DISABLE, the guards that may be used then, the facts that must be so, the warnings.
ROWS = [
    ("", GUARDS[:3], {}, []),
    ("process_madvise", GUARDS[1:3], {}, []),
    ("madvise", ["process_madvise", "mprotect"], {}, []),
    ("guard", ["mprotect"], {}, []),
    ("mprotect", GUARDS[:2] + GUARDS[3:], {}, None),  # this kernel may have no markers: then canaries
    ("hugepage", GUARDS[:3], {}, []),
    ("membarrier", GUARDS[:3], {}, []),
    ("hwloc", GUARDS[:3], {"hwloc": "no"}, []),
    ("cgroup", GUARDS[:3], {"quota": "0"}, []),
    ("process_madvise,madvise", ["mprotect"], {}, []),
    ("guard,mprotect", ["canary"], {}, [CANARIES]),
    ("guard,mprotect,hwloc,cgroup", ["canary"], {"hwloc": "no", "quota": "0"}, [CANARIES]),
    ("hvloc,io_uring", GUARDS[:3], {}, [UNKNOWN]),
    ("guard,hvloc,mprotect,io_uring,hwloc", ["canary"], {"hwloc": "no"}, [UNKNOWN, CANARIES]),
]


def run(program, words, *arguments):
    environment = {**os.environ, "WEFT_DISABLE": words}
    for name in ("WEFT_WORKERS", "WEFT_CPUS", "WEFT_PIN", "WEFT_HOP", "WEFT_POLICY"):
        environment.pop(name, None)
    return subprocess.run([program, *arguments], env=environment, capture_output=True, text=True,
                          timeout=100)


def mistakes(row, program, no_canaries):
    """Yields what is wrong in one row."""
    words, guards, facts, warnings = row
    work = run(program, words)
    found = dict(field.split("=") for field in work.stdout.split())
    if work.returncode != 0 or found.get("work") != "right" or found.get("moved") != "yes":
        yield f"ended with {work.returncode}: {work.stdout}{work.stderr}"
        return
    if found["guard"] not in guards:
        yield f"guarded by {found['guard']}, expected one of {guards}"
    for name, value in facts.items():
        if found[name] != value:
            yield f"{name}={found[name]}, expected {value}"
    cpus, quota = int(found["cpus"]), float(found["quota"])
    width = min(cpus, int(-(-quota // 1))) if quota else cpus
    if int(found["width"]) != max(width, 1):
        yield f"{found['width']} loops on {cpus} CPUs with a quota of {quota}"
    # It asks for two loops also where one CPU is all there is, and is told so.
    lines = [line for line in work.stderr.splitlines() if "workers were asked for" not in line]
    if warnings is None:
        warnings = [CANARIES] if found["guard"] == "canary" else []
    if len(lines) != len(warnings) or not all(
            line.startswith("weft: warning: ") and text in line for line, text in zip(lines, warnings)):
        yield f"said {lines}, expected {warnings}"

    if found["guard"] == "canary" and no_canaries:
        return
    overflow = run(program, words, "overflow")
    expected = ((signal.SIGABRT, r"its canary at 0x[0-9a-f]+ was overwritten\)$")
                if found["guard"] == "canary" else (signal.SIGSEGV, r"fault at 0x[0-9a-f]+, in .*\)$"))
    report = rf"^weft: stack overflow in task 'fetch-42' \(stack 192512 bytes, {expected[1]}"
    if overflow.returncode != -expected[0] or not re.search(report, overflow.stderr, re.MULTILINE):
        yield f"an overflow ended with {overflow.returncode}: {overflow.stderr}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--no-canaries", action="store_true",
                        help="no overflow over a canary: ASan keeps what would be overwritten elsewhere")
    arguments = parser.parse_args()
    wrong = 0
    for row in ROWS:
        for mistake in mistakes(row, arguments.program, arguments.no_canaries):
            wrong += 1
            print(f"WEFT_DISABLE={row[0]} {arguments.program}: {mistake}")
    print(f"facilities: {len(ROWS)} rows, {wrong} mistakes")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
