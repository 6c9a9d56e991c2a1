#!/usr/bin/env python3
"""Runs a program under valgrind: it says nothing of correct code, and finds each planted fault.

    valgrind_test.py PROGRAM [FAULT...]

PROGRAM is hazards_valgrind; with FAULTs only those are looked for. Each run can be repeated
by the command that is printed with it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOUND = 99
OPTIONS = [
    # It runs one thread at a time; so each has its turn.
    "--fair-sched=yes",
    "--leak-check=full", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite",
    "--track-origins=yes",
    f"--error-exitcode={FOUND}",
]
DEADLINE = 100  # seconds; a run takes 2 to 10
MIGRATIONS = 1000  # less would prove little
LINES = 100  # of valgrind's, to print when a run has failed

# What valgrind has to say of each fault, in this order: what it is, whose it is, where the memory comes from. A leak
# is found at the end, so that its text begins with the size.
PLANTED = {
    "freed": ["Invalid read of size 4", "read_freed_memory()", "0 bytes inside a block of size 1,000 free'd",
              "read_freed_memory()"],
    "unset": ["Conditional jump or move depends on uninitialised value", "branch_on_unset_local()",
              "Uninitialised value was created by a stack allocation"],
    "leak": ["888 bytes in 1 blocks are definitely lost", "lose_a_block()"],
    "past": ["Invalid write of size 1", "write_past_a_block()", "0 bytes after a block of size 777 alloc'd",
             "write_past_a_block()"],
}
UNKNOWN_STACK = "Warning: client switching stacks?"


class Run:
    """One run of the program, with a planted fault or without, and what came of it."""

    def __init__(self, program, *fault):
        started = time.monotonic()
        command = ["valgrind", *OPTIONS, program, *fault]
        self.repeat = " ".join(command)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("WEFT_", "VALGRIND_"))}
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            try:
                done = subprocess.run([command[0], f"--log-file={log}", *command[1:]], env=environment, text=True,
                                      capture_output=True, check=False, timeout=DEADLINE)
                self.status, self.output = done.returncode, done.stdout + done.stderr
            except subprocess.TimeoutExpired:
                self.status, self.output = None, f"it had not ended after {DEADLINE} s"
            self.log = log.read_text(errors="replace") if log.exists() else ""
        self.seconds = time.monotonic() - started

    def has(self, texts):
        """Whether the log has all of these, in this order."""
        place = 0
        for text in texts:
            place = self.log.find(text, place)
            if place < 0:
                return False
            place += len(text)
        return True

    def errors(self):
        summary = re.search(r"ERROR SUMMARY: (\d+) errors", self.log)
        return int(summary[1]) if summary else None

    def warnings(self):
        """valgrind's own, about the program and about what it does not know."""
        return [line for line in self.log.splitlines() if "warning" in line.lower() or re.match(r"--\d+--", line)]

    def report(self, name, faults):
        print(f"{name}: {'FAILED' if faults else 'ok'}, {self.seconds:.1f} s\n    {self.repeat}")
        if faults:
            lines = self.log.splitlines()
            print(*faults, self.output, *lines[:LINES], f"({len(lines)} lines)", *lines[-1:], sep="\n")
        return not faults


def judge(found, expected, what):
    return [] if found == expected else [f"{what}: {found}, expected: {expected}"]


def correct_code(program):
    run = Run(program)
    migrations = re.search(r"^migrations: (\d+)$", run.output, re.MULTILINE)
    enough = migrations is not None and int(migrations[1]) >= MIGRATIONS
    return run.report("correct code", [
        *judge(run.status, 0, "exit status"),
        *judge(run.errors(), 0, "errors"),
        *judge(run.warnings(), [], "warnings"),
        # Twice while tasks sleep, and at the end.
        *judge(run.log.count("LEAK SUMMARY"), 3, "searches for leaks"),
        *judge(enough, True, f"{MIGRATIONS} migrations or more"),
    ])


def planted(program, fault):
    run = Run(program, fault)
    return run.report(f"planted: {fault}", [
        *judge(run.status, FOUND, "exit status"),
        *judge(run.errors(), 1, "errors"),
        *judge(run.warnings(), [], "warnings"),
        *judge(run.has(PLANTED[fault]), True, f"valgrind says {PLANTED[fault]}"),
    ])


def unknown_stack(program):
    """That correct code gets no such warning means nothing unless this one does."""
    run = Run(program, "stack")
    return run.report("a stack that is not registered", [
        *judge(run.status, 0, "exit status"),
        *judge(run.has([UNKNOWN_STACK]), True, f"valgrind says '{UNKNOWN_STACK}'"),
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=", ".join(PLANTED))
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("valgrind is not installed. `tools/dev deps` installs it; on Debian: apt-get install valgrind")
        return 1
    results = [planted(options.program, fault) for fault in options.faults or PLANTED]
    if not options.faults:
        results += [unknown_stack(options.program), correct_code(options.program)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
