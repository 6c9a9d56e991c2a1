#!/usr/bin/env python3
"""The tool `weft` as its users meet it.

usage: tool_test.py WEFT [unittest arguments]
"""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

WEFT = ""  # set by main
DEADLINE = 100  # seconds, for whatever may hang
REFERENCE = (
    "LC_ALL=C; export LC_ALL;"
    'find "$1" -type f -print0 | sort -z | xargs -0 -r sha256sum'
)


def weft(*arguments, **options):
    options = {"capture_output": True, "timeout": DEADLINE, **options}
    return subprocess.run([WEFT, *arguments], check=False, **options)


def complaints(output):
    """The lines of stderr but for the runtime's warnings, which are about the machine."""
    return [line for line in output.splitlines() if not line.startswith(b"weft: warning: ")]


class TemporaryFolder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weft-tool-")
        # By rm, which gets through the paths that are too long for Python.
        self.addCleanup(subprocess.run, ["rm", "-rf", self.folder], check=True)

    def write(self, name, content=b""):
        path = os.path.join(os.fsencode(self.folder), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)

    def assert_misused(self, arguments, *named):
        """It says what it did not understand on one line, and exits with 2."""
        run = weft(*arguments)
        self.assertEqual(run.returncode, 2, run)
        self.assertEqual(run.stdout, b"")
        lines = run.stderr.decode().splitlines()
        self.assertEqual(len(lines), 1, run)
        self.assertTrue(lines[0].startswith("weft"), run)
        for name in named:
            self.assertIn(name, lines[0])


class Usage(TemporaryFolder):
    def test_help(self):
        for command in [[], ["hash"], ["echo"], ["demo"], ["bench"], ["simulate"], ["load"]]:
            for flag in ["--help", "-h"]:
                run = weft(*command, flag)
                self.assertEqual((run.returncode, run.stderr), (0, b""), command)
                self.assertIn("Usage: " + " ".join(["weft", *command]), run.stdout.decode())
        self.assertNotIn(b"load", weft("--help").stdout)

    def test_version(self):
        run = weft("--version")
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        self.assertRegex(run.stdout.decode(), r"\Aweft \d+\.\d+\.\d+\n\Z")

    def test_misuse(self):
        file = os.path.join(self.folder, "file")
        self.write("file")
        for arguments, *named in [
            ([], "sub-command"),
            (["bogus"], "bogus"),
            (["--bogus"], "--bogus"),
            (["hash"], "hash", "DIR"),
            (["hash", file], "DIR", file),
            (["hash", "/nonexistent/folder"], "DIR", "/nonexistent/folder"),
            (["hash", "/nonexistent/two\nlines"], "DIR", "two\\nlines"),
            (["hash", self.folder, "--bogus"], "hash", "--bogus"),
            (["hash", self.folder, "more"], "more"),
            (["hash", self.folder, "--workers"], "--workers"),
            (["hash", self.folder, "--workers", "-1"], "--workers", "-1"),
            (["hash", self.folder, "--workers", "0"], "--workers", "0"),
            (["hash", self.folder, "--workers", "two"], "--workers", "two"),
            (["echo"], "echo", "--port"),
            (["echo", "--port", "70000"], "--port", "70000"),
            (["echo", "--port", "-1"], "--port", "-1"),
            (["echo", "--port", "http"], "--port", "http"),
            (["echo", "--port", "0", "--loops", "0"], "--loops", "0"),
            (["echo", "--port", "0", "--handler", "odd"], "--handler", "odd"),
            (["demo", "--seconds", "0"], "--seconds", "0"),
            (["demo", "--seconds", "nan"], "--seconds", "nan"),
            (["load", "--port", "1", "--seconds", "nan"], "--seconds", "nan"),
            (["demo", "--dir", file], "--dir", file),
            (["load"], "--port"),
        ]:
            with self.subTest(arguments):
                self.assert_misused(arguments, *named)


class Hash(TemporaryFolder):
    def reference(self, directory, cwd=None):
        command = ["sh", "-c", REFERENCE, "sh", directory]
        return subprocess.run(command, check=True, capture_output=True, cwd=cwd).stdout

    def assert_like_sha256sum(self, directory):
        expected = self.reference(directory)
        for workers in ["1", "2", "5"]:
            run = weft("hash", directory, "--workers", workers)
            self.assertEqual((run.returncode, complaints(run.stderr)), (0, []))
            self.assertEqual(run.stdout, expected)
        self.assertEqual(weft("hash", directory).stdout, expected)
        return expected

    def make_odd_tree(self):
        for name in [
            "plain", "with space", " ", "new\nline", "back\\slash", "carriage\rreturn", "tab\there",
            "-dash", "--", "*", "'", '"', "\x01", "ümlaut", b"no\xffutf8\x80", "a-b", "a/b", "a.b",
            "deep/er/and/de/ep/er", "new\nfolder/back\\folder/file", ".hidden/.file", "x" * 255,
        ]:
            self.write(name, os.fsencode(name))
        self.write("empty")
        for size in [1, 55, 56, 64, 131071, 131072, 131073]:
            self.write(f"sized/{size}", bytes(size))
        self.write("large", os.urandom(1 << 20) * 5)
        for number in range(100):
            self.write(f"many/{number}", b"%d" % number)
        os.makedirs(os.path.join(self.folder, "empty folder/of/folders"))
        os.symlink("plain", os.path.join(self.folder, "link"))
        os.symlink("deep", os.path.join(self.folder, "link to folder"))
        os.symlink("nowhere", os.path.join(self.folder, "dangling"))
        os.mkfifo(os.path.join(self.folder, "fifo"))

    def test_odd_names(self):
        self.make_odd_tree()
        listing = self.assert_like_sha256sum(self.folder)
        self.assertIn(b"back\\\\slash\n", listing)

    def test_each_way_to_write_the_directory(self):
        self.make_odd_tree()
        self.assert_like_sha256sum(self.folder + "/")
        self.assert_like_sha256sum(self.folder + "//")
        self.assert_like_sha256sum(self.folder + "/deep/../deep")
        for directory in [".", "./sized", "sized", "..", "../"]:
            here = self.folder + "/sized" if directory.startswith("..") else self.folder
            run = weft("hash", directory, cwd=here)
            self.assertEqual(run.stdout, self.reference(directory, cwd=here))

    def test_directory_given_by_a_link_is_followed(self):
        self.write("real/file", b"x")
        os.symlink("real", os.path.join(self.folder, "link"))
        run = weft("hash", self.folder + "/link")
        digest = hashlib.sha256(b"x").hexdigest()
        self.assertEqual(run.stdout.decode(), f"{digest}  {self.folder}/link/file\n")

    def test_empty_directory(self):
        run = weft("hash", self.folder)
        self.assertEqual((run.returncode, run.stdout, complaints(run.stderr)), (0, b"", []))

    def test_more_directories_than_tasks(self):
        for number in range(1000):
            self.write(f"{number % 7}/{number}/a", b"%d" % number)
        deep = "/".join(["d"] * 300)
        self.write(deep + "/file", b"deep")
        self.assert_like_sha256sum(self.folder)

    def test_too_long_a_path_is_one_line_and_the_rest_goes_on(self):
        self.write("a", b"a")
        self.write("z", b"z")
        here = os.open(self.folder, os.O_RDONLY)
        name = "n" * 200
        for _ in range(30):
            os.mkdir(name, dir_fd=here)
            below = os.open(name, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(here)
        run = weft("hash", self.folder)
        self.assertEqual(run.returncode, 1)
        [line] = complaints(run.stderr)
        self.assertTrue(line.startswith(b"weft hash: " + os.fsencode(self.folder)), line)
        self.assertTrue(line.endswith(b": File name too long"), line)
        self.assertEqual([line[-1:] for line in run.stdout.splitlines()], [b"a", b"z"])

    def run_without_privileges(self, *arguments):
        """As nobody if need be: root may read everything."""
        if os.geteuid() != 0:
            return weft(*arguments)
        with tempfile.TemporaryDirectory() as public:  # the build folder may be root's alone
            for folder in [public, self.folder]:
                os.chmod(folder, 0o755)
            program = shutil.copy(WEFT, public)
            nobody = 65534
            try:
                return weft(*arguments, executable=program, user=nobody, extra_groups=[])
            except PermissionError:
                self.skipTest("root may read everything, and may not become somebody else here")

    def test_unreadable_is_one_line_each_and_the_rest_goes_on(self):
        self.write("a", b"a")
        self.write("locked", b"secret")
        self.write("new\nlocked", b"secret")
        self.write("folder/file", b"secret")
        for name in ["locked", "new\nlocked", "folder"]:
            os.chmod(os.path.join(self.folder, name), 0)
        run = self.run_without_privileges("hash", self.folder)
        os.chmod(os.path.join(self.folder, "folder"), 0o700)
        self.assertEqual(run.returncode, 1)
        self.assertEqual(len(run.stdout.splitlines()), 1)
        self.assertEqual(complaints(run.stderr), [
            f"weft hash: {self.folder}/{name}: Permission denied".encode()
            for name in ["folder", "locked", "new\\nlocked"]
        ])

    def test_files_that_vanish_meanwhile(self):
        for number in range(300):
            self.write(f"stay/{number}", b"%d" % number)
        expected = self.reference(self.folder + "/stay")
        running = threading.Event()
        running.set()

        def come_and_go():
            while running.is_set():
                for number in range(20):
                    self.write(f"go/{number}/file", b"x")
                shutil.rmtree(self.folder + "/go")

        thread = threading.Thread(target=come_and_go)
        thread.start()
        try:
            for _ in range(20):
                run = weft("hash", self.folder)
                stayed = b"".join(
                    line for line in run.stdout.splitlines(True) if b"/stay/" in line
                )
                self.assertEqual(stayed, expected)
                problems = complaints(run.stderr)
                self.assertEqual(run.returncode, 1 if problems else 0)
                for problem in problems:
                    self.assertRegex(problem, rb"\Aweft hash: .*/go.*: No such file or directory\Z")
        finally:
            running.clear()
            thread.join()

    def test_a_reader_that_goes_is_no_error(self):
        for number in range(2000):  # more than a pipe holds
            self.write(f"{number:0100}")
        with subprocess.Popen(
            [WEFT, "hash", self.folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            self.assertTrue(process.stdout.readline())
            process.stdout.close()
            self.assertEqual(complaints(process.stderr.read()), [])
            self.assertEqual(process.wait(DEADLINE), 0)

    def test_a_full_disk_is_an_error(self):
        self.write("file")
        with open("/dev/full", "wb") as full:
            streams = {"capture_output": False, "stdout": full, "stderr": subprocess.PIPE}
            run = weft("hash", self.folder, **streams)
        self.assertEqual(run.returncode, 1)
        self.assertIn(b"No space left", run.stderr)

    def test_echo_ends_when_nobody_is_told_where_it_listens(self):
        with open("/dev/full", "wb") as full:
            streams = {"capture_output": False, "stdout": full, "stderr": subprocess.PIPE}
            run = weft("echo", "--port", "0", **streams)
        self.assertEqual(run.returncode, 1)
        self.assertIn(b"No space left", run.stderr)


class Echo(unittest.TestCase):
    def start(self, *arguments):
        process = subprocess.Popen(
            [WEFT, "echo", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        line = process.stdout.readline().decode()
        self.assertRegex(line, r"\Alistening on 127\.0\.0\.1:[1-9]\d*\n\Z")
        return process, int(line.rsplit(":", 1)[1])

    def connect(self, port):
        connection = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self.addCleanup(connection.close)
        return connection

    def receive_all(self, connection):
        received = b""
        while chunk := connection.recv(1 << 16):
            received += chunk
        return received

    def assert_ends(self, process, how=signal.SIGTERM):
        process.send_signal(how)
        self.assertEqual(process.wait(DEADLINE), 0)
        self.assertEqual((process.stdout.read(), complaints(process.stderr.read())), (b"", []))

    def test_echo(self):
        for handler in ["pinned", "stealable"]:
            with self.subTest(handler):
                process, port = self.start("--port", "0", "--loops", "2", "--handler", handler)
                connections = [self.connect(port) for _ in range(16)]
                for number, connection in enumerate(connections):
                    connection.sendall(b"hello %d" % number)
                for number, connection in enumerate(connections):
                    self.assertEqual(connection.recv(100), b"hello %d" % number)
                self.assert_ends(process)

    def test_large_and_half_closed(self):
        process, port = self.start("--port", "0")
        connection = self.connect(port)
        data = os.urandom(5_000_000)

        def send():
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        self.assertEqual(self.receive_all(connection), data)
        sender.join()
        self.assert_ends(process)

    def test_a_reset_is_no_news(self):
        process, port = self.start("--port", "0")
        for _ in range(20):
            connection = self.connect(port)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(b"x" * 100_000)
            connection.close()
        survivor = self.connect(port)
        survivor.sendall(b"still there")
        self.assertEqual(survivor.recv(100), b"still there")
        self.assert_ends(process)

    def test_signals_end_it(self):
        for how in [signal.SIGTERM, signal.SIGINT]:
            process, port = self.start("--port", "0", "--loops", "2")
            connection = self.connect(port)
            connection.sendall(b"open")
            self.assertEqual(connection.recv(100), b"open")
            self.assert_ends(process, how)

    def test_port_taken(self):
        process, port = self.start("--port", "0", "--loops", "2")
        for loops in ["1", "2"]:
            run = weft("echo", "--port", str(port), "--loops", loops)
            self.assertEqual(run.returncode, 1)
            self.assertEqual(run.stdout, b"")
            [line] = complaints(run.stderr)
            self.assertIn(f"127.0.0.1:{port}".encode(), line)
            self.assertIn(b"Address already in use", line)
        self.assert_ends(process)

    def test_host_unknown(self):
        run = weft("echo", "--port", "0", "--host", "no.such.host.invalid")
        self.assertEqual((run.returncode, run.stdout), (1, b""))
        [line] = complaints(run.stderr)
        self.assertIn(b"no.such.host.invalid", line)


class Demo(TemporaryFolder):
    def test_load_without_a_server(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))  # bound, but it does not listen
            run = weft("load", "--port", str(unused.getsockname()[1]))
        self.assertEqual((run.returncode, run.stdout), (1, b""))
        self.assertIn(b"refused", run.stderr)

    def load_against(self, answer, *arguments):
        """Runs the client against a server that says answer(piece), or hangs up on None."""

        def serve(connection):
            with connection:
                while piece := connection.recv(1 << 16):
                    reply = answer(piece)
                    if reply is None:
                        return
                    connection.sendall(reply)

        def accept():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=accept)
            thread.start()
            run = weft(
                "load", "--port", str(server.getsockname()[1]), "--connections", "3",
                "--seconds", "0.2", *arguments
            )
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
        return run.returncode, json.loads(run.stdout), run.stderr.decode()

    def test_load_believes_no_server(self):
        for answer, complaint in [
            (lambda piece: bytes(len(piece)), "other bytes"),
            (lambda piece: piece + b"x", "other bytes"),
            (lambda piece: piece[1:], "other bytes"),
            (lambda piece: b"", "never came"),
            (lambda piece: None, "closed a connection"),
        ]:
            with self.subTest(complaint):
                code, report, errors = self.load_against(answer)
                self.assertEqual((code, report["errors"]), (1, 3))
                self.assertIn(complaint, errors)

    def test_load_of_all_sizes(self):
        for size in ["1", "64", "3000000"]:
            code, report, errors = self.load_against(lambda piece: piece, "--bytes", size)
            self.assertEqual((code, report["errors"], errors), (0, 0, ""))
            self.assertEqual((report["connections"], report["bytes"]), (3, int(size)))
            self.assertLessEqual(report["p50_us"], report["p99_us"])
            self.assertLessEqual(report["p99_us"], report["max_us"])

    def test_demo(self):
        for number in range(50):
            self.write(f"tree/{number % 5}/file\n{number}", b"%d" % number)
        out = pathlib.Path(self.folder, "out", "demo")
        run = weft("demo", "--seconds", "1", "--dir", self.folder + "/tree", "--out", str(out))
        self.assertEqual((run.returncode, complaints(run.stderr)), (0, []), run)
        self.assertEqual(out.joinpath("report.txt").read_bytes(), run.stdout)
        self.assertIn(b"ok: every answer was right", run.stdout)
        report = json.loads(out.joinpath("report.json").read_text())
        self.assertIs(report["ok"], True)

        self.assertEqual([part["handler"] for part in report["serve"]], ["pinned", "stealable"])
        for part in report["serve"]:
            self.assertIs(part["ok"], True)
            self.assertEqual((part["connections"], part["bytes"], part["errors"]), (64, 64, 0))
            self.assertGreater(part["requests"], 0)
            self.assertGreater(part["requests_per_second"], 0)
            self.assertGreater(part["p50_us"], 0)
            self.assertLessEqual(part["p50_us"], part["p99_us"])
            self.assertLessEqual(part["p99_us"], part["max_us"])
            for index, loop in enumerate(part["loops"]):
                self.assertEqual(
                    list(loop),
                    ["loop", "tasks_run", "steals", "parks", "wakes_sent", "wakes_received"],
                )
                self.assertEqual(loop["loop"], index)
            self.assertGreater(sum(loop["tasks_run"] for loop in part["loops"]), 64)

        hashed = report["hash"]
        self.assertIs(hashed["ok"], True)
        self.assertIs(hashed["equal_to_sha256sum"], True)
        self.assertEqual((hashed["files"], hashed["unreadable"]), (50, 0))
        self.assertEqual(hashed["bytes"], sum(len(str(number)) for number in range(50)))
        self.assertEqual(hashed["widths"][0]["workers"], 1)
        self.assertEqual(hashed["widths"][0]["speed_up"], 1)
        self.assertEqual(hashed["widths"][-1]["workers"], len(report["serve"][0]["loops"]))
        for width in hashed["widths"]:
            self.assertGreater(width["files_per_second"], 0)
            self.assertGreater(width["mb_per_second"], 0)

    def test_report_that_cannot_be_written(self):
        self.write("file")
        run = weft("demo", "--out", self.folder + "/file")
        self.assertEqual(run.returncode, 1)
        [line] = complaints(run.stderr)
        self.assertIn(b"/file", line)


if __name__ == "__main__":
    WEFT = os.path.abspath(sys.argv.pop(1))
    unittest.main()
