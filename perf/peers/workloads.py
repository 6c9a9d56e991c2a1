"""What perf/workload/*/config.json say: which cases there are, and how fast weft is to be.

A config.json has
    what      what is measured, in words
    unit      the unit of its figures, of which less is better: bytes, ns, us or ms
    metrics   the figures that each program prints; ["time"] when left out
    check     sizes instead of those of each case, with which a run takes no time: for tests
    cases     by name, each with
        sizes     what the programs get as SIZE=NUMBER
        sizes_of  {peer: sizes} for a peer that takes too long for as many; {peer: null} leaves it out
        workers   the numbers of workers to measure with
        goal      {workers: most}, or {workers: {metric: most}} where there are several metrics
        goal_of   {workers: {"own": factor}} or {"floor": factor}: at most so many times what weft takes with one
                  worker, or the floor, in the same run; of the first metric
"""

import json
import pathlib
from dataclasses import dataclass, field

UNITS = ("bytes", "ns", "us", "ms")


@dataclass(frozen=True)
class Case:
    """One case with one number of workers: what every peer runs side by side."""

    workload: str
    name: str
    workers: int
    unit: str
    metrics: tuple[str, ...]
    sizes: dict[str, int]
    check: dict[str, int]
    sizes_of: dict[str, dict[str, int] | None]
    goals: dict[str, float]
    relative: dict[str, float] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.workload}/{self.name}/{self.workers}"

    def words(self, peer: str) -> list[str] | None:
        """Returns the words of the command line after the program; None when the peer is left out."""
        special = self.sizes_of.get(peer, {})
        return None if special is None else words(self.workload, self.workers, {**self.sizes, **special})

    def check_words(self, workers: int) -> list[str]:
        """The same to see that a result is right."""
        return words(self.workload, workers, {**self.sizes, **self.check})


def words(workload: str, workers: int, sizes: dict[str, int]) -> list[str]:
    return [workload, str(workers), *(f"{name}={size}" for name, size in sizes.items())]


def require(is_right: bool, message: str) -> None:
    if not is_right:
        raise ValueError(message)


def check_sizes(sizes: object, where: str) -> None:
    require(isinstance(sizes, dict) and all(type(size) is int for size in sizes.values()),
            f"{where} are to be whole numbers by name")


def goals_of(goal: object, metrics: tuple[str, ...], where: str) -> dict[str, float]:
    """Returns the goals by metric."""
    if not isinstance(goal, dict):
        require(len(metrics) == 1, f"{where}: a goal is to name its metric: {', '.join(metrics)}")
        goal = {metrics[0]: goal}
    for metric, most in goal.items():
        require(metric in metrics, f"{where}: there is a goal for {metric}, which is no metric")
        require(type(most) in (int, float) and most > 0, f"{where}: a goal is to be a number above 0")
    return goal


def relative_of(goal: object, where: str) -> dict[str, float]:
    """Returns the factors of a goal that goes by another figure of the run."""
    require(isinstance(goal, dict) and set(goal) <= {"own", "floor"},
            f"{where}: goal_of is to be of own or floor")
    for factor in goal.values():
        require(type(factor) in (int, float) and factor > 0, f"{where}: a goal is to be a number above 0")
    return goal


def cases_of(workload: str, config: dict) -> list[Case]:
    """Errors  ValueError, which says what is wrong."""
    unknown = set(config) - {"what", "unit", "metrics", "check", "cases"}
    require(not unknown, f"{workload}: unknown: {', '.join(sorted(unknown))}")
    require(isinstance(config.get("what"), str), f"{workload}: what is measured?")
    require(config.get("unit") in UNITS, f"{workload}: the unit is to be one of {', '.join(UNITS)}")
    metrics = tuple(config.get("metrics", ["time"]))
    check_sizes(config.get("check"), f"{workload}: the sizes of check")
    require(isinstance(config.get("cases"), dict) and config["cases"], f"{workload} has no cases")
    cases = []
    for name, case in config["cases"].items():
        where = f"{workload}/{name}"
        unknown = set(case) - {"sizes", "sizes_of", "workers", "goal", "goal_of"}
        require(not unknown, f"{where}: unknown: {', '.join(sorted(unknown))}")
        check_sizes(case.get("sizes"), f"{where}: sizes")
        require(set(config["check"]) <= set(case["sizes"]), f"{where}: check has sizes of its own")
        for peer, sizes in case.get("sizes_of", {}).items():
            if sizes is not None:
                check_sizes(sizes, f"{where}: the sizes of {peer}")
                require(set(sizes) <= set(case["sizes"]), f"{where}: {peer} has sizes of its own")
        workers = case.get("workers")
        require(isinstance(workers, list) and workers and all(type(count) is int and count > 0 for count in workers),
                f"{where}: workers are to be a list of numbers")
        goals = case.get("goal", {})
        relative = case.get("goal_of", {})
        astray = (set(goals) | set(relative)) - {str(count) for count in workers}
        require(not astray, f"{where}: a goal for {', '.join(sorted(astray))} workers, which nobody measures")
        for count in workers:
            goal = goals.get(str(count), {})
            cases.append(Case(workload, name, count, config["unit"], metrics, case["sizes"], config["check"],
                              case.get("sizes_of", {}), goals_of(goal, metrics, where),
                              relative_of(relative.get(str(count), {}), where)))
    return cases


def load(folder: pathlib.Path) -> list[Case]:
    """Returns the cases of all workloads, by name.

    Errors  ValueError, which says what is wrong.
    """
    cases = []
    for path in sorted(folder.glob("*/config.json")):
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}: {error}") from error
        cases += cases_of(path.parent.name, config)
    return cases
