#!/usr/bin/env python3
"""Fails when a function of a library touches thread-local state and is not on the allow-list.

usage: tls_lint.py LIBRARY ALLOW_LIST

A task may wake up on another thread than the one it fell asleep on, but the compiler may keep the
address of a thread-local over the suspension. So only a few functions, which cannot be inlined, may
look at such state: each line of the allow-list is a regular expression that is searched for in the
demangled name of a function; # starts a comment. errno and pthread_self() count as thread-local:
glibc declares both of them const.

The read in fiber/tls.hpp: current_carrier() may stand anywhere: it is assembly that the optimizer cannot see into, two
instructions next to each other.
"""
import collections
import pathlib
import re
import subprocess
import sys

FUNCTION = re.compile(r"^[0-9a-f]+ <(.*)>:$")

# What gives thread-local state away in x86-64 code: a segment-relative address, a call, or the
# relocation of one of the TLS models. %fs:0x28, the stack protector's canary, is the same in each
# thread.
THREAD_LOCAL = re.compile(
    r"%fs:(?!0x28\b)"
    r"|__tls_get_addr|__errno_location|pthread_self|__cxa_get_globals"
    r"|R_X86_64_(?:TLSGD|TLSLD|DTPOFF|GOTTPOFF|TPOFF|GOTPC32_TLSDESC)"
)

# The two instructions of current_carrier(): the place of the variable, as a relocation, and the read.
OWN_ADDRESS = re.compile(r"R_X86_64_GOTTPOFF\s+weft_carrier_of_thread\b")
OWN_READ = re.compile(r"\bmov\s+%fs:(?:0x0)?\((%r\w+)\),\1$")  # 0x0: %r13 has no shorter form


def read_allow_list(path):
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [re.compile(line) for line in lines if line]


def users_of_thread_locals(library):
    """Maps each function that touches thread-local state to the instructions that do."""
    listing = subprocess.run(
        ["objdump", "--disassemble", "--reloc", "--demangle", "--no-show-raw-insn", library],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    users, functions, function = collections.defaultdict(list), 0, "?"
    lines = listing.splitlines()
    for before, line, after in zip(["", *lines], lines, [*lines[1:], ""]):
        start = FUNCTION.match(line)
        if start:
            function = start[1]
            functions += 1
        elif OWN_ADDRESS.search(line) and OWN_READ.search(after):
            continue
        elif OWN_READ.search(line) and OWN_ADDRESS.search(before):
            continue
        elif THREAD_LOCAL.search(line) and not function.endswith("@plt"):
            users[function].append(" ".join(line.split("\t")[1:]).strip())
    return users, functions


def main():
    if len(sys.argv) != 3:
        print(__doc__.splitlines()[2], file=sys.stderr)
        return 2
    allowed = read_allow_list(pathlib.Path(sys.argv[2]))
    users, functions = users_of_thread_locals(sys.argv[1])
    if functions == 0:
        print(f"tls_lint: {sys.argv[1]} holds no function at all")
        return 1
    errors = 0
    for name, instructions in sorted(users.items()):
        if not any(pattern.search(name) for pattern in allowed):
            print(f"{name}: {len(instructions)}, the first: {instructions[0]}")
            errors += 1
    print(f"tls_lint: {functions} functions, {len(users)} touch thread-locals, {errors} may not")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
