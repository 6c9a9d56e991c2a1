#!/usr/bin/env python3
"""Sees to it that matrix.py finds what it is there to find: each bug of planted.cpp, by its name.

    planted_test.py --build FOLDER
"""

import argparse
import subprocess
import sys
from pathlib import Path

MATRIX = Path(__file__).with_name("matrix.py")

# The bug, the fault that brings it to light, and what must be said of it.
PLANTED = [
    ("lose", "send:SHORT:1", "wrong bytes: planted: 50 bytes came of 100"),
    ("crash", "socket:EMFILE:1", "crash: exit code -6"),
    ("hang", "recv:EINTR:1", "hang: "),
    ("leak", "setsockopt:ENOMEM:1", "leak: -: 1 descriptors; "),
    ("silent", "recv:ECONNRESET:1", "nobody was told of ECONNRESET (Connection reset by peer)"),
    ("vague", "socket:ENFILE:1", "no such error is documented: planted: std::runtime_error: it did not"),
    ("slow", "recv:ETIMEDOUT:1", "served again only after "),
]


def judge(build, fault, bug):
    command = [sys.executable, str(MATRIX), "--build", str(build), "--only", fault, "--plant", bug]
    command += ["--deadline", "5"] if bug == "hang" else []
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout, " ".join(command)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    options = parser.parse_args()
    missed = 0
    for bug, fault, text in PLANTED:
        status, output, command = judge(options.build, fault, bug)
        replay = f"tools/dev inject --only {fault}"
        if status != 1 or text not in output or replay not in output:
            missed += 1
            print(f"the planted bug '{bug}' was not found, or not as \"{text}\":\n    {command}\n{output}")
    print(f"{len(PLANTED)} planted bugs, {missed} not found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
