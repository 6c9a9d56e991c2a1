#!/usr/bin/env python3
"""Takes all descriptors of a server and gives them back.

    fd_limit.py SERVER [--clients N] [--rounds N] [--seconds S]

SERVER, which may have 64 descriptors, is met by N connections that stay. While it can accept no more
it may use at most 5 % of one CPU; when they are gone, a new client must be served within a second.
"""

import argparse
import os
import resource
import socket
import subprocess
import sys
import threading
import time

CPU_AT_MOST = 0.05
RECOVERED_WITHIN = 1.0  # seconds
STARVED = "Too many open files"


class Server:
    def __init__(self, program):
        self.process = subprocess.Popen(
            [program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.port = int(self.process.stdout.readline())
        self.complaints = 0
        self.complained = threading.Event()
        self.listener = threading.Thread(target=self.listen)
        self.listener.start()

    def listen(self):
        for line in self.process.stderr:
            if STARVED in line:
                self.complaints += 1
                self.complained.set()

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.listener.join()


def connections(port, count):
    """That many, of which the server's queue takes as many as it can."""
    made = []
    for _ in range(count):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", port))
        made.append(client)
    return made


def is_served(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.1) as client:
            client.sendall(b"x")
            return client.recv(1) == b"x"
    except OSError:
        return False


def one_round(server, clients, seconds):
    """The share of a CPU while it is starved, and the seconds until it serves again."""
    server.complained.clear()
    crowd = connections(server.port, clients)
    if not server.complained.wait(timeout=20):
        sys.exit("fd_limit.py: the server did not run out of descriptors")
    began, before = time.monotonic(), server.cpu_seconds()
    time.sleep(seconds)
    share = (server.cpu_seconds() - before) / (time.monotonic() - began)
    for client in crowd:
        client.close()
    gone = time.monotonic()
    while not is_served(server.port):
        if time.monotonic() - gone > 20:
            sys.exit("fd_limit.py: the server does not serve any more")
    return share, time.monotonic() - gone


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.3, help="how long it is starved")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    server = Server(options.server)
    try:
        # Each starves it for a little longer, so that its pauses end at other times.
        rounds = [
            one_round(server, options.clients, options.seconds + 0.17 * n)
            for n in range(options.rounds)
        ]
    finally:
        server.end()
    for share, recovery in rounds:
        print(f"{options.clients} connects, 64 descriptors: CPU {100 * share:.1f} % while starved,"
              f" serves again {1000 * recovery:.0f} ms after they are gone")
    worst_share, worst_recovery = (max(values) for values in zip(*rounds))
    print(f"worst: CPU {100 * worst_share:.1f} %, recovery {1000 * worst_recovery:.0f} ms;"
          f" {server.complaints} lines in the log")
    return 0 if worst_share <= CPU_AT_MOST and worst_recovery <= RECOVERED_WITHIN else 1


if __name__ == "__main__":
    sys.exit(main())
