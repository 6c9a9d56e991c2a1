#!/usr/bin/env python3
"""Fails when a public header includes anything but the C++20 standard library and weft/.

usage: headers.py [ROOT]

A user's build needs none of the headers that weft itself is built with. That each header compiles
alone is checked by the build: see tools/cmake/WeftHeaders.cmake.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)')

STANDARD = set(
    """
    algorithm any array atomic barrier bit bitset cassert cctype cerrno cfenv cfloat charconv
    chrono cinttypes climits clocale cmath codecvt compare complex concepts condition_variable
    coroutine csetjmp csignal cstdarg cstddef cstdint cstdio cstdlib cstring ctime cuchar cwchar
    cwctype deque exception execution filesystem format forward_list fstream functional future
    initializer_list iomanip ios iosfwd iostream istream iterator latch limits list locale map
    memory memory_resource mutex new numbers numeric optional ostream queue random ranges ratio
    regex scoped_allocator semaphore set shared_mutex source_location span sstream stack stdexcept
    stop_token streambuf string string_view syncstream system_error thread tuple type_traits
    typeindex typeinfo unordered_map unordered_set utility valarray variant vector version
    """.split()
)


def objection(include, bracket, target):
    """Why a public header below `include` may not write this, or None."""
    if target.startswith("weft/"):
        if bracket == '"':
            return "a public header includes another as <weft/...>"
        return None if (include / target).is_file() else "there is no such public header"
    return None if target in STANDARD else "is neither of C++20's standard library nor of weft/"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    include = root / "include"
    files = sorted(include.glob("**/*.hpp"))
    errors = 0
    for file in files:
        lines = file.read_text().splitlines()
        if "#pragma once" not in lines:
            print(f"{file.relative_to(root)}:1: lacks #pragma once")
            errors += 1
        for number, text in enumerate(lines, 1):
            match = INCLUDE.match(text)
            why = match and objection(include, *match.groups())
            if why:
                print(f"{file.relative_to(root)}:{number}: {match[2]}: {why}")
                errors += 1
    print(f"headers: {len(files)} files, {errors} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
