"""Reads scenarios written as text; scenario.md has the form."""

import re

TOKEN = re.compile(r"\s*([{}\[\];]|[^\s{}\[\];]+)")


class Steps:
    """Parses `lock l0; timeout 2 {await f0~}; wait [t1 t2] all_completed`."""

    def __init__(self, text):
        self.tokens = TOKEN.findall(text)
        self.at = 0

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def steps(self):
        """Up to the end, or a closing brace."""
        steps = []
        while self.peek() not in (None, "}"):
            if self.peek() == ";":
                self.take()
            else:
                steps.append(self.step())
        return steps

    def step(self):
        step, options = [], {}
        while self.peek() not in (None, ";", "}"):
            token = self.take()
            if token == "{":
                step.append(self.steps())
                self.expect("}")
            elif token == "[":
                names = []
                while self.peek() != "]":
                    names.append(self.take())
                self.expect("]")
                step.append(names)
            elif token in ("~", "!"):
                options["swallow" if token == "~" else "raise"] = True
            else:
                while token[-1] in "~!":
                    options["swallow" if token[-1] == "~" else "raise"] = True
                    token = token[:-1]
                step.append(value_of(token))
        return step + ([options] if options else [])

    def expect(self, token):
        if self.peek() != token:
            raise ValueError(f"{token!r} was expected before {self.tokens[self.at:]}")
        self.take()


def value_of(token):
    words = {"none": None, "true": True, "false": False, '""': ""}
    if token in words:
        return words[token]
    try:
        return float(token) if "." in token else int(token)
    except ValueError:
        return token


def parse(text):
    """The scenarios of one file."""
    scenarios = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        key, _, rest = line.strip().partition(" ")
        key = key.rstrip(":")
        if not line[0].isspace():
            scenarios.append({"name": key, "goal": rest, "tasks": {}, "sizes": {}, "turns": 30, "ticks": 20})
            continue
        scenario = scenarios[-1]
        try:
            if key == "sizes":
                scenario["sizes"] = {name: int(size) for name, size in (pair.split("=") for pair in rest.split())}
            elif key in ("turns", "ticks"):
                scenario[key] = int(rest)
            elif key == "start":
                scenario["start"] = rest.split()
            elif key == "differs":
                scenario["differs"] = rest
            else:
                steps = Steps(rest)
                scenario["tasks"][key] = steps.steps()
                if steps.peek() is not None:
                    raise ValueError(f"what is {steps.peek()!r}?")
        except (ValueError, IndexError) as error:
            raise ValueError(f"line {number}: {error}") from error
    for scenario in scenarios:
        scenario.setdefault("start", list(scenario["tasks"]))
    return scenarios
