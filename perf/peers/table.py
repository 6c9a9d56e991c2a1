"""Makes a table of what was measured: a row for each case and metric, a column for each peer."""

import statistics
from dataclasses import dataclass, field

from workloads import Case

FLOOR = "floor"
WEFT = "weft"
STACKFUL = ("go", "boost_fiber")

# Above that share of the median, a figure is marked: the machine was not quiet.
WIDE = 0.3


@dataclass
class Row:
    """The figures of one metric, of all rounds, by peer."""

    case: Case
    metric: str
    values: dict[str, list[float]] = field(default_factory=dict)
    own: "Row | None" = None  # the same with one worker

    def median(self, peer: str) -> float | None:
        values = self.values.get(peer)
        return statistics.median(values) if values else None

    def is_wide(self, peer: str) -> bool:
        values = self.values[peer]
        return max(values) - min(values) > WIDE * statistics.median(values)

    def best(self, among: tuple[str, ...] | None = None) -> float | None:
        """Returns the least median of the peers, or of some: the floor and weft are none."""
        names = [name for name in self.values if name not in (FLOOR, WEFT) and (among is None or name in among)]
        return min((self.median(name) for name in names if self.values[name]), default=None)

    def ratio(self, to: float | None) -> float | None:
        """Returns how many times `to` weft takes."""
        weft = self.median(WEFT)
        return weft / to if weft is not None and to else None

    @property
    def goal(self) -> float | None:
        """The least of those that there are; some go by another figure of the run."""
        goals = [self.case.goals.get(self.metric)]
        if self.metric == self.case.metrics[0]:
            of = {"own": self.own.median(WEFT) if self.own else None, "floor": self.median(FLOOR)}
            goals += [of[name] * factor for name, factor in self.case.relative.items() if of[name] is not None]
        return min((goal for goal in goals if goal is not None), default=None)

    @property
    def is_met(self) -> bool | None:
        weft = self.median(WEFT)
        return weft <= self.goal if self.goal is not None and weft is not None else None


def link_own(rows: list[Row]) -> None:
    """Lets each row know the one of the same case with one worker."""
    alone = {(row.case.workload, row.case.name, row.metric): row for row in rows if row.case.workers == 1}
    for row in rows:
        row.own = alone.get((row.case.workload, row.case.name, row.metric))


def number(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return ""
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f}"


def cell(row: Row, peer: str) -> str:
    if not row.values.get(peer):
        return ""
    return number(row.median(peer)) + ("~" if row.is_wide(peer) else "")


def cells_of(row: Row, peers: list[str]) -> list[str]:
    met = {True: "met", False: "NOT met", None: ""}[row.is_met]
    return [
        row.case.id if row.metric == "time" else f"{row.case.id} {row.metric}",
        row.case.unit,
        *(cell(row, peer) for peer in peers),
        number(row.ratio(row.best())),
        number(row.ratio(row.best(STACKFUL))),
        number(row.ratio(row.median(FLOOR))),
        number(row.goal),
        met,
    ]


def table(rows: list[Row], peers: list[str]) -> str:
    """Returns the table: `peers` in that order, those without a figure left out, weft last."""
    shown = [peer for peer in peers if peer != WEFT and any(row.values.get(peer) for row in rows)] + [WEFT]
    lines = [["workload/case/workers", "unit", *shown, "/best", "/stackful", "/floor", "goal", ""]]
    lines += [cells_of(row, shown) for row in rows if any(row.values.values())]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) if column < 2 else text.rjust(width)
                  for column, (text, width) in enumerate(zip(line, widths))).rstrip()
        for line in lines
    )


def legend() -> str:
    return (
        "Medians; ~: the rounds differ by more than 30 %. /best, /stackful, /floor: weft's time as a multiple of\n"
        f"the best peer's, of the best of {' and '.join(STACKFUL)}, and of the floor; less than 1: weft is faster."
    )
