"""Runs programs under an interpreter: a process that reads one a line and writes what happened a line."""

import json
import os
import selectors
import subprocess
import threading
import time

SECONDS_PER_PROGRAM = 25


class Side:
    """One interpreter. A process that dies or hangs costs the program it was at, not the rest."""

    def __init__(self, command):
        self.command = command

    def run(self, programs):
        """What happened, by program: {"events": .., "faults": ..}; {"died": ..} of one it did not survive."""
        results = []
        while len(results) < len(programs):
            results += self.run_some(programs[len(results) :])
        return results

    def run_some(self, programs):
        with subprocess.Popen(
            self.command,
            bufsize=0,  # else leaving this would write to one that died
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            errors = []
            threads = [
                threading.Thread(target=self.feed, args=(process, programs), daemon=True),
                threading.Thread(target=lambda: errors.append(process.stderr.read()), daemon=True),
            ]
            for thread in threads:
                thread.start()
            results, why = self.collect(process, len(programs))
            if len(results) < len(programs):
                process.kill()
                threads[1].join()
                text = b"".join(errors).decode(errors="replace").strip()
                results.append({"died": why, "stderr": text})
            for thread in threads:
                thread.join()
            return results

    @staticmethod
    def feed(process, programs):
        try:
            for program in programs:
                process.stdin.write(json.dumps(program).encode() + b"\n")
            process.stdin.close()
        except BrokenPipeError:
            pass  # it died; the rest is for the next

    @staticmethod
    def collect(process, count):
        results = []
        pending = b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            deadline = time.monotonic() + SECONDS_PER_PROGRAM
            while len(results) < count:
                if not selector.select(max(deadline - time.monotonic(), 0)):
                    return results, f"no end after {SECONDS_PER_PROGRAM} s"
                data = os.read(process.stdout.fileno(), 1 << 20)
                if not data:
                    return results, "ended too early"
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    result = json.loads(line)
                    results.append(result if isinstance(result, dict) else {"events": result})
                    deadline = time.monotonic() + SECONDS_PER_PROGRAM
        return results, ""


def run_together(sides, programs):
    """The same programs under several sides at once."""
    results = [None] * len(sides)

    def run(index):
        results[index] = sides[index].run(programs)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(sides))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
