#!/usr/bin/env python3
"""Explores sleep.pml with spin: as it is it must hold, and with each planted bug it must fail.

usage: sleep.py [--quick]      quick: without the largest size that holds
"""
import pathlib
import re
import subprocess
import sys
import tempfile
import time

MODEL = pathlib.Path(__file__).with_name('sleep.pml')

# Workers, tasks, those of them that come from outside.
HOLDS = [(1, 1, 1), (2, 1, 1), (2, 2, 1), (2, 2, 2), (3, 2, 1)]
# Each of them, and the smallest size that shows it.
BUGS = {
    'NO_LAST_LOOK': (1, 1, 1),
    'LOOK_BEFORE_ANNOUNCE': (1, 1, 1),
    'RETRACT_UNCHECKED': (2, 2, 2),
    'FIND_IN_SILENCE': (3, 3, 1),
    'CHOOSE_IN_SILENCE': (2, 2, 2),
    'RUN_WHILE_SEARCHING': (2, 2, 1),
}


def explore(size, bug=None):
    """Returns whether it holds, and how many states there are."""
    workers, tasks, outside = size
    defines = [f'-DWORKERS={workers}', f'-DTASKS={tasks}', f'-DOUTSIDE={outside}']
    if bug:
        defines.append(f'-D{bug}')
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ['spin', *defines, '-a', str(MODEL)], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(
            ['gcc', '-O2', '-w', '-DSAFETY', '-DCOLLAPSE', '-DVECTORSZ=2048', '-o', 'pan', 'pan.c'],
            cwd=folder, check=True)
        text = subprocess.run(
            ['./pan', '-m1000000', '-w26'], cwd=folder, capture_output=True, text=True).stdout
    errors = re.search(r'errors: (\d+)', text)
    states = re.search(r'(\d+) states, stored', text)
    if not errors or not states or 'max search depth too small' in text:
        sys.exit(f'sleep.py: spin did not come to an end:\n{text}')
    return errors[1] == '0', int(states[1])


def main():
    if sys.argv[1:] not in ([], ['--quick']):
        sys.exit(__doc__)
    sizes = HOLDS[:-1] if sys.argv[1:] else HOLDS
    wrong = 0
    runs = [(size, None) for size in sizes] + [(size, bug) for bug, size in BUGS.items()]
    for size, bug in runs:
        start = time.monotonic()
        holds, states = explore(size, bug)
        right = holds == (bug is None)
        wrong += not right
        print(
            f'{size[0]} workers, {size[1]} tasks, {size[2]} from outside: {states:>9} states, '
            f'{time.monotonic() - start:5.1f} s, {"holds" if holds else "fails"}'
            f'{", " + bug if bug else ""}{"" if right else "   WRONG"}', flush=True)
    print(f'spin: {len(runs)} explorations, {wrong} wrong')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
