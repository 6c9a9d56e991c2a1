#!/usr/bin/env python3
"""Fails when C++ in README.md is not, word for word, a piece of an example that is built and run.

usage: readme.py [--write] [ROOT]

A block in README.md names where it comes from on the line above it:
    <!-- example: tests/examples/first.cpp#main -->
    ```cpp
and the example marks the piece, which loses its common indentation on the way:
    // [readme:main]
    // [/readme]
--write copies the pieces into README.md instead of comparing them.

Also fails when a table of README.md lacks one of the names in tools/lint/asyncio_names.txt.
"""
import argparse
import pathlib
import re
import sys
import textwrap

SOURCE = re.compile(r"<!-- example: (tests/examples/[^#\s]+)#(\S+) -->")
BLOCK = re.compile(r"^```cpp[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
PIECE = re.compile(
    r"^[ \t]*// \[readme:(\S+)\][ \t]*\n(.*?)^[ \t]*// \[/readme\][ \t]*$",
    re.MULTILINE | re.DOTALL,
)


class Mistake(Exception):
    """Something in README.md or an example that a person has to mend."""


def piece(root, path, name):
    """The piece `name` of the example at `path`."""
    example = root / path
    if not example.is_file():
        raise Mistake(f"{path} does not exist")
    found = [text for piece_name, text in PIECE.findall(example.read_text()) if piece_name == name]
    if len(found) != 1:
        raise Mistake(f"{path} has {len(found)} pieces between // [readme:{name}] and // [/readme]")
    return textwrap.dedent(found[0])


def wanted(root, before):
    """What a block must hold, given the text of README.md before it."""
    lines = before.rstrip("\n").splitlines()
    source = lines and SOURCE.fullmatch(lines[-1].strip())
    if not source:
        raise Mistake("the line above lacks <!-- example: tests/examples/FILE#NAME -->")
    return piece(root, source[1], source[2])


def missing_names(root, text):
    """The names of asyncio that no row of a table tells of."""
    listed = (root / "tools/lint/asyncio_names.txt").read_text().splitlines()
    told = set(re.findall(r"\w+", "\n".join(line for line in text.splitlines() if line[:1] == "|")))
    return [name for name in listed if not name.startswith("#") and name not in told]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="refresh README.md from the examples")
    parser.add_argument("root", nargs="?", default=".", type=pathlib.Path)
    arguments = parser.parse_args()

    readme = arguments.root / "README.md"
    if not readme.is_file():
        print("README.md: does not exist")
        return 1
    text = readme.read_text()
    result, end, blocks, errors = [], 0, 0, 0
    for block in BLOCK.finditer(text):
        blocks += 1
        body = block[1]
        try:
            example = wanted(arguments.root, text[: block.start()])
            if arguments.write:
                body = example
            elif body != example:
                raise Mistake("differs from its example; tools/lint/readme.py --write refreshes it")
        except Mistake as mistake:
            print(f"README.md:{text.count(chr(10), 0, block.start()) + 1}: {mistake}")
            errors += 1
        result += [text[end : block.start(1)], body]
        end = block.end(1)
    result = "".join([*result, text[end:]])
    if result != text:
        readme.write_text(result)
    for name in missing_names(arguments.root, result):
        print(f"README.md: no table tells of asyncio's {name}")
        errors += 1
    print(f"readme: {blocks} blocks, {errors} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
