#!/usr/bin/env python3
"""Runs the storm with something planted, and sees that it fails, says why, and how to repeat it.

usage: expect_failure.py PATTERN PROGRAM ARGUMENT...

The run has to exit with 1, print what PATTERN (a regular expression) matches, and print a command that
repeats the round; that command is run, too, and has to fail in the same way.
"""
import re
import subprocess
import sys

REPEAT = re.compile(r"^storm: to repeat .*?: (.+ --rounds 1 --seed \d+.*)$", re.MULTILINE)


def fails_with(pattern, command, shell=False):
    ran = subprocess.run(
        command, shell=shell, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if ran.returncode != 1 or not re.search(pattern, ran.stdout):
        sys.exit(f"{ran.stdout}\n{command}: exited with {ran.returncode}, 1 and /{pattern}/ wanted")
    return ran.stdout


def main():
    pattern, *command = sys.argv[1:]
    output = fails_with(pattern, command)
    repeat = REPEAT.search(output)
    if repeat is None:
        sys.exit(f"{output}\nit does not say how to repeat it")
    if "--hang-after" in command:
        return  # another long wait shows no more
    fails_with(pattern, repeat[1], shell=True)


if __name__ == "__main__":
    main()
