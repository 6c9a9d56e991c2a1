#!/usr/bin/env python3
"""asyncio's and uvloop's side of the workloads.

usage: peer.py {asyncio|uvloop} WORKLOAD WORKERS [SIZE=NUMBER]...

Runs work(run) of perf/workload/WORKLOAD/asyncio.py, and prints a line for each figure, "M METRIC VALUE UNIT".
There is one worker, whatever is asked for.
"""

import asyncio
import importlib.util
import pathlib
import sys
import time
from collections.abc import Awaitable

WORKLOADS = pathlib.Path(__file__).resolve().parents[2] / "workload"


class Run:
    """What one run is to do."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self.sizes = sizes

    def report(self, metric: str, value: float, unit: str) -> None:
        print(f"M {metric} {value:.3f} {unit}", flush=True)


async def each(run: Run, count: int, body: Awaitable[None], metric: str = "time") -> None:
    """Reports what each of `count` took, of all that `body` does."""
    start = time.perf_counter()
    await body
    run.report(metric, (time.perf_counter() - start) * 1e9 / count, "ns")


def expect_equal(found: int, expected: int, what: str) -> None:
    if found != expected:
        raise RuntimeError(f"{what} is {found}, not {expected}")


def keep_busy(seconds: float) -> None:
    """Keeps the thread for that long, as a computation would."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def percentile(times: list[float], share: float) -> float:
    """The time below which `share` of `times` are."""
    return sorted(times)[min(int(share * len(times)), len(times) - 1)]


def resident_bytes() -> int:
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError("the system does not say how much memory is resident")


def main() -> None:
    loop, workload, _, *words = sys.argv[1:]
    sizes = {name: int(number) for name, number in (word.split("=") for word in words)}
    spec = importlib.util.spec_from_file_location("workload", WORKLOADS / workload / "asyncio.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["peer"] = sys.modules["__main__"]
    spec.loader.exec_module(module)
    if loop == "uvloop":
        import uvloop

        uvloop.install()
    asyncio.run(module.work(Run(sizes)))


if __name__ == "__main__":
    main()
