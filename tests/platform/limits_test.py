#!/usr/bin/env python3
"""Runs weft where it may use less of the machine: it has as many loops as can run, and its work is right.

usage: limits_test.py PROGRAM one_cpu | cpuset | quota | masked_sys | masked_cgroups

PROGRAM is platform_facilities. Ends with 77 and says why where this machine does not let itself be limited.
The files of cgroup v1 and v2 in all their forms: tests/sched/cpu_quota_test.cpp.
"""
import os
import pathlib
import subprocess
import sys

SKIPPED = 77
CGROUPS = pathlib.Path("/sys/fs/cgroup")


class Skipped(Exception):
    """This machine refuses what the test needs."""


def run(command, **options):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WEFT_")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100,
                          check=False, **options)


def expect(work, width, warning=None):
    """Fails unless the work is right, has `width` loops, and says only what it should."""
    found = dict(field.split("=") for field in work.stdout.split())
    # hwloc has a word of its own to say about a masked /sys.
    lines = [line for line in work.stderr.splitlines()
             if "workers were asked for" not in line and not line.startswith("[hwloc")]
    told = not lines if warning is None else len(lines) == 1 and warning in lines[0]
    assert work.returncode == 0 and found.get("work") == "right", work
    assert int(found["width"]) == width, f"{found['width']} loops, expected {width}: {work}"
    assert told, f"said {lines}, expected {warning}"
    print(work.stdout.strip(), *lines, sep="\n")


def one_cpu(program):
    cpu = max(os.sched_getaffinity(0))
    expect(run([program], preexec_fn=lambda: os.sched_setaffinity(0, {cpu})), 1)


def in_a_cgroup(controller, settings, program):
    """Runs the program in a cgroup of its own, v1 or v2, with `settings` written to those files that it has."""
    refusals = []
    for parent in (CGROUPS / controller, CGROUPS):
        group = parent / f"weft-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError as error:
            refusals.append(str(error))
            continue
        try:
            written = [name for name in settings if (group / name).exists()]
            for name in written:
                (group / name).write_text(settings[name])
            if not written:
                refusals.append(f"{parent} has no controller {controller}")
                continue
            return run([program], preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid())))
        except (OSError, subprocess.SubprocessError) as error:
            refusals.append(str(error))
        finally:
            group.rmdir()
    raise Skipped(f"no cgroup with {controller} can be made here: {'; '.join(refusals)}")


def cpuset(program):
    cpu = max(os.sched_getaffinity(0))
    memory = (CGROUPS / "cpuset/cpuset.mems")
    settings = {"cpuset.mems": memory.read_text() if memory.exists() else "0", "cpuset.cpus": str(cpu)}
    expect(in_a_cgroup("cpuset", settings, program), 1)


def quota(program):
    if len(os.sched_getaffinity(0)) == 1:
        raise Skipped("there is one CPU, and no quota makes a difference")
    settings = {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "90000", "cpu.max": "90000 100000"}
    expect(in_a_cgroup("cpu", settings, program), 1)


def masked(folder, program):
    """Runs the program where nothing is to be seen below `folder`."""
    mask = f'mount -t tmpfs none {folder} && exec "$0"'
    for unshare in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        try:
            probe = run([*unshare, "sh", "-c", mask, "true"])
        except FileNotFoundError as error:
            raise Skipped(str(error)) from error
        if probe.returncode == 0:
            return run([*unshare, "sh", "-c", mask, program])
    raise Skipped(f"{folder} cannot be masked here: {probe.stderr.strip()}")


def masked_sys(program):
    # With it go the quota's files: what cannot be read limits nothing.
    expect(masked("/sys", program), len(os.sched_getaffinity(0)), "hwloc sees no cores")


def masked_cgroups(program):
    expect(masked("/sys/fs/cgroup", program), len(os.sched_getaffinity(0)))


def main():
    program, case = sys.argv[1:]
    cases = {f.__name__: f for f in (one_cpu, cpuset, quota, masked_sys, masked_cgroups)}
    try:
        cases[case](program)
    except Skipped as reason:
        print(f"Skipped: {reason}")
        return SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
