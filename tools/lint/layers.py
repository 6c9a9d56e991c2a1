#!/usr/bin/env python3
"""Fails when a file includes something from a floor above its own.

usage: layers.py [ROOT]

runtime/LAYERS lists the floors, ground first, one line a floor:
    <floor>: <folder or header prefix> ...   [only <third-party prefix> ...]
Names on one line are siblings: they may not include each other, unless the line says `a -> b`. A
third-party header may be included only by the folders that claim it.

A file belongs to the longest name that its path starts with, below runtime/ or include/: weft owns
weft/loop.hpp, though weft/detail/ and weft/errors.hpp lie lower. Quoted includes are written from
runtime/ on ("task/park.hpp"), as only then this script knows what they name.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)')


class Layers:
    def __init__(self, text):
        self.floor = {}  # name -> floor
        self.owners = {}  # third-party prefix -> names that may include it
        self.allowed = set()  # (name, sibling it may include)
        for line in text.splitlines():
            line = line.split("#")[0].strip()
            if line:
                self.add_floor(line)

    def add_floor(self, line):
        number, names = line.split(":", 1)
        names, _, claims = names.partition(" only ")
        self.allowed.update(re.findall(r"(\S+) -> (\S+)", names))
        names = set(names.replace("->", " ").split())
        self.floor.update({name: int(number) for name in names})
        self.owners.update({prefix: names for prefix in claims.split()})

    def unit(self, path):
        """The name on a floor that owns a path such as sched/worker.hpp, or None."""
        owners = (name for name in self.floor if path == name or path.startswith(name + "/"))
        return max(owners, key=len, default=None)

    def objection(self, file, target, quoted):
        """Why `file` may not include `target`, or None. Both as seen from runtime/ or include/."""
        mine, theirs = self.unit(file), self.unit(target)
        if mine is None:
            return "its folder is on no floor of runtime/LAYERS"
        for prefix, owners in self.owners.items():
            if target.startswith(prefix) and mine not in owners:
                return f"{prefix} belongs to {', '.join(sorted(owners))}"
        if theirs is None:
            return "a quoted include names a folder of runtime/LAYERS" if quoted else None
        if file.startswith("weft/") and not target.startswith("weft/"):
            return "a public header may include only weft/ and the standard library"
        if theirs == mine or (mine, theirs) in self.allowed:
            return None
        if self.floor[theirs] >= self.floor[mine]:
            return (
                f"floor {self.floor[mine]} ({mine}) may not include "
                f"floor {self.floor[theirs]} ({theirs})"
            )
        return None


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    layers = Layers((root / "runtime/LAYERS").read_text())
    files = sorted([*root.glob("runtime/**/*.[ch]pp"), *root.glob("include/**/*.hpp")])
    errors = 0
    for file in files:
        shown = file.relative_to(root)
        name = str(pathlib.Path(*shown.parts[1:]))
        for number, text in enumerate(file.read_text().splitlines(), 1):
            match = INCLUDE.match(text)
            why = match and layers.objection(name, match[2], quoted=match[1] == '"')
            if why:
                print(f"{shown}:{number}: {match[2]}: {why}")
                errors += 1
    print(f"layers: {len(files)} files, {errors} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
