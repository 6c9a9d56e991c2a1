#!/usr/bin/env python3
"""Fails when a promise of runtime/PROMISES.md has no test, or names one that does not exist.

usage: promises.py [ROOT]

A promise is an item that begins with "- **". It names whoever holds it as
    `tests/sync/lock_test.cpp: Suite.Name`    a TEST, TEST_F or TEST_P of that file
    `tests/storm: storm.park`                 a ctest that the CMakeLists.txt of that folder makes
"""
import pathlib
import re
import sys

PAGE = "runtime/PROMISES.md"
PROMISE = re.compile(r"^- \*\*.*?(?=^(?:- |#|$))", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`(tests/[^`:\s]+):\s+([^`\s]+)`")
TEST = re.compile(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", re.MULTILINE)
COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)


def exists(root, place, name):
    """Whether the file or folder has the test."""
    path = root / place
    if path.suffix == ".cpp":
        return path.is_file() and tuple(name.split(".")) in TEST.findall(path.read_text())
    path /= "CMakeLists.txt"
    if not path.is_file():
        return False
    # The folder's name before a dot or "_" is put there by a function; the rest stands in the file.
    rest = re.sub(rf"^{pathlib.Path(place).name}[._]", "", name)
    words = re.findall(r"[\w.]+", COMMENT.sub("", path.read_text()))
    return bool({name, rest, *rest.split(".")[-1:]} & set(words))


def mistakes(root):
    """Yields a line for each promise that nobody holds and each test that is not there."""
    text = (root / PAGE).read_text()
    for promise in PROMISE.finditer(text):
        if not NAMED.search(promise[0]):
            line = text.count("\n", 0, promise.start()) + 1
            yield f"{PAGE}:{line}: no test is named for this promise"
    for named in NAMED.finditer(text):
        if not exists(root, *named.groups()):
            line = text.count("\n", 0, named.start()) + 1
            yield f"{PAGE}:{line}: there is no test {named[2]} in {named[1]}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    if not (root / PAGE).is_file():
        print(f"{PAGE}: does not exist")
        return 1
    found = list(mistakes(root))
    text = (root / PAGE).read_text()
    print("\n".join([*found, f"promises: {len(PROMISE.findall(text))} promises, "
                              f"{len(NAMED.findall(text))} tests named, {len(found)} errors"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
