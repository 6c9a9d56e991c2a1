#!/usr/bin/env python3
"""CPU time of a TCP echo server per request: weft against the raw epoll floor, in interleaved rounds.

    perf/workload/echo/compare.py [--bin build/release/bin] [--rounds 5] [--seconds 3]
                                  [--connections 64] [--bytes 64]

Each server is bound to CPU 0 and `weft load`, which drives it and checks every answer, to CPU 1. What
is counted is the time that the kernel gave all threads of the server while the load ran.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path


def cpu_nanoseconds(pid):
    """What all threads of a process have run for, by the kernel's account."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def bound_to(cpu):
    return lambda: os.sched_setaffinity(0, {cpu})


def measure(command, load, cpus):
    """Starts a server, loads it; returns microseconds of its CPU a request, and requests a second."""
    server_cpu, load_cpu = cpus
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=bound_to(server_cpu)
    ) as server:
        try:
            line = server.stdout.readline()
            if not line.startswith("listening on "):
                sys.exit(f"compare.py: {command[0]} did not listen: {line!r}")
            port = line.rsplit(":", 1)[1].strip()
            before = cpu_nanoseconds(server.pid)
            client = subprocess.run(
                load + ["--port", port],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                preexec_fn=bound_to(load_cpu),
            )
            spent = cpu_nanoseconds(server.pid) - before
        finally:
            server.terminate()
    report = json.loads(client.stdout)
    return spent / 1000 / report["requests"], report["requests"] / report["seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=Path, default=Path("build/release/bin"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--bytes", type=int, default=64)
    options = parser.parse_args()

    cpus = sorted(os.sched_getaffinity(0))
    cpus = (cpus[0], cpus[-1])
    weft = str(options.bin / "weft")
    load = [weft, "load", "--connections", str(options.connections)]
    load += ["--bytes", str(options.bytes), "--seconds", str(options.seconds)]
    echo = [weft, "echo", "--port", "0", "--loops", "1", "--handler"]
    servers = {
        "epoll floor": [str(options.bin / "echo_server_floor"), "0"],
        "weft, pinned": echo + ["pinned"],
        "weft, stealable": echo + ["stealable"],
    }
    figures = {name: [] for name in servers}
    for _ in range(options.rounds):
        for name, command in servers.items():
            figures[name].append(measure(command, load, cpus))

    print(
        f"{options.connections} connections of {options.bytes} B, {options.rounds} rounds of "
        f"{options.seconds:g} s; medians, and the median of each round's ratio to the floor"
    )
    floor = figures["epoll floor"]
    for name, rounds in figures.items():
        cpu = statistics.median(figure[0] for figure in rounds)
        rate = statistics.median(figure[1] for figure in rounds)
        ratio = statistics.median(mine[0] / base[0] for mine, base in zip(rounds, floor))
        print(f"{name:16} {cpu:7.2f} us CPU/request {rate:10.0f} requests/s  x{ratio:.3f}")


if __name__ == "__main__":
    main()
