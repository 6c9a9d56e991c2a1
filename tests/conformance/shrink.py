"""Makes a program that shows a difference as small as it can be."""

import copy
import json

SCOPES = {"timeout": [2], "group": [1], "wait_for_call": [2], "finally": [1, 2]}
ROUNDS = 60


def scopes(step):
    """Where the lists of steps within a step are."""
    if step[0] == "staggered":
        return [place for place in range(2, len(step)) if isinstance(step[place], list)]
    return SCOPES.get(step[0], [])


def paths(steps):
    """Where the steps of a list are, also those of scopes, from the last on."""
    for index in reversed(range(len(steps))):
        step = steps[index]
        yield (index,)
        if isinstance(step[-1], dict):
            yield (index, len(step) - 1)
        for place in scopes(step):
            for path in paths(step[place]):
                yield (index, place, *path)


def without(program, name, path):
    less = copy.deepcopy(program)
    place = less["tasks"][name]
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return less


def smaller(program):
    """Programs with one thing less."""
    for name in program["tasks"]:
        if program["tasks"][name]:
            yield {**program, "tasks": {**program["tasks"], name: []}}
    for index in reversed(range(len(program["start"]))):
        less = copy.deepcopy(program)
        del less["start"][index]
        yield less
    for index in reversed(range(len(program.get("inject", [])))):
        less = copy.deepcopy(program)
        del less["inject"][index]
        yield less
    for name in list(program["tasks"]):
        for path in paths(program["tasks"][name]):
            yield without(program, name, path)


def shrink(program, first_that_differs):
    """`first_that_differs(programs)`: the first of them that does, or None."""
    for _ in range(ROUNDS):
        less = first_that_differs(list(smaller(program)))
        if less is None:
            break
        program = less
    used = json.dumps(program["tasks"]) + json.dumps(program["start"])
    program["tasks"] = {
        name: steps for name, steps in program["tasks"].items() if f'"{name}"' in used
    }
    return program
