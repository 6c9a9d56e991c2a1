"""What a figure depends on besides the code: the machine, the system and the compilers."""

import os
import pathlib
import platform
import re
import subprocess


def first_line_of(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip().split("\n")[0]


def text_of(path: str) -> str | None:
    try:
        return pathlib.Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return None


def cpu_model() -> str | None:
    found = re.search(r"^model name\s*:\s*(.*)$", text_of("/proc/cpuinfo") or "", re.MULTILINE)
    return found.group(1) if found else None


def fingerprint(root: pathlib.Path) -> dict[str, object]:
    """Returns what is known; None for what is not."""
    changes = first_line_of("git", "-C", str(root), "status", "--porcelain")
    return {
        "commit": first_line_of("git", "-C", str(root), "rev-parse", "HEAD"),
        "changed": bool(changes),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "cores allowed": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "governor": text_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "quota": text_of("/sys/fs/cgroup/cpu.max"),
        "huge pages": text_of("/sys/kernel/mm/transparent_hugepage/enabled"),
        "load": os.getloadavg()[0],
        "compilers": {
            "g++": first_line_of("g++", "--version"),
            "go": first_line_of("go", "version"),
            "rustc": first_line_of("rustc", "--version"),
            "python": first_line_of("/usr/bin/python3", "--version"),
        },
        "flags": "peers in C++ and weft's workloads: -O3; weft: the preset release; "
                 "Rust: opt-level 3, target-cpu=native, lto; Go: its default",
    }
