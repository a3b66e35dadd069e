# SPDX-License-Identifier: BSD-2-Clause
"""examples/kv as its clients see it: redis-cli and redis-benchmark of Debian, and requests that
these never send. One guest, in the lab that $SPRAT_LAB names."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from spratlib import debtree  # noqa: E402  # pylint: disable=wrong-import-position
from support import BUILD, sprat  # noqa: E402  # pylint: disable=wrong-import-position

ADDRESS = "10.0.0.163"
IMAGE = BUILD / "examples/kv/kv.img"
TIMEOUT_S = 100
MIB = 1 << 20


class Server:
    """The guest, the way to it, and the tools; all of the module's tests share one."""

    guest = port = tools = None

    @classmethod
    def start_anew(cls, ballast=0):
        """Start the guest on a new disk, of which something else has taken so many bytes."""
        if cls.guest:
            cls.destroy()
        environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
        with IMAGE.open("wb") as file:
            file.truncate(64 * MIB)
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "ballast").write_bytes(b"\xff" * ballast)
            subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-N", "64",
                            "-J", "size=4", "-d", folder, IMAGE],
                           check=True, env=environment)  # fmt: skip
        cls.start()

    @classmethod
    def start(cls):
        """Start the guest on the disk as it is."""
        done = sprat("guest", "start", "--ready", "kv:", "--timeout", "120", "kv", "--",
                     f"sprat.ip={ADDRESS}/24")  # fmt: skip
        done.check_returncode()
        cls.guest = done.stdout.strip()

    @classmethod
    def destroy(cls):
        """Destroy it."""
        sprat("lab", "exec", "--", "xl", "destroy", cls.guest)

    @classmethod
    def tool(cls, name, *words, stdin=""):
        """Run a tool of redis; return its output."""
        command = [f"{cls.tools}/{debtree.LOADER}", "--library-path", cls.tools,
                   f"{cls.tools}/{name}", "-p", cls.port, *words]  # fmt: skip
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False,
                              timeout=TIMEOUT_S)  # fmt: skip
        if done.returncode:
            raise AssertionError(f"{name} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout


def setUpModule():
    """Make a disk, start the guest, unpack the tools."""
    Server.start_anew()
    unittest.addModuleCleanup(Server.destroy)
    done = sprat("guest", "forward", f"{ADDRESS}:6379")
    done.check_returncode()
    Server.port = done.stdout.strip().rpartition(":")[2]
    tree = debtree.make(["redis-tools"], lambda line: print(line, file=sys.stderr))
    Server.tools = tempfile.mkdtemp(dir=BUILD)
    unittest.addModuleCleanup(shutil.rmtree, Server.tools)
    for name, path in debtree.alone(tree, ["redis-cli", "redis-benchmark"]).items():
        shutil.copy(path, pathlib.Path(Server.tools, name))


class Tools(unittest.TestCase):
    """Debian's redis-tools."""

    def ask(self, *lines):
        """Have redis-cli send commands; return the answers, line by line."""
        return Server.tool("redis-cli", stdin="\n".join([*lines, ""])).split("\n")[:-1]

    def test_commands_are_answered_as_redis_does(self):
        exchanges = (
            ("SET a 1", "OK"), ("SET a 2 NX", ""), ("GET a", "1"), ("INCR a", "2"),
            ("INCRBY a 40", "42"), ("SET b 'two words' EX 1000", "OK"), ("PERSIST b", "1"),
            ("TTL b", "-1"), ("EXPIRE b 0", "1"), ("GET b", ""), ("SET b x", "OK"),
            ("STRLEN b", "1"), ("EXISTS a b c", "2"), ("TYPE b", "string"), ("INCR b",
             "ERR value is not an integer or out of range"), ("DEL a b c", "2"), ("GET a", ""),
            ("TYPE b", "none"), ("GET", "ERR wrong number of arguments for 'get' command"),
            ("NONSENSE a", "ERR unknown command 'NONSENSE', with args beginning with: 'a' "),
        )  # fmt: skip
        answers = [line for line in self.ask(*(request for request, _ in exchanges))]
        # redis-cli puts an empty line behind an error.
        for request, answer in exchanges:
            self.assertEqual((request, answers.pop(0)), (request, answer))
            if answer.startswith("ERR"):
                self.assertEqual(answers.pop(0), "")
        self.assertIn("redis_version:", "".join(self.ask("INFO")))

    def test_many_at_a_time(self):
        requests = "".join(f"*3\r\n$3\r\nSET\r\n$8\r\nkey-{i:04}\r\n$5\r\nvalue\r\n"
                           for i in range(2000))  # fmt: skip
        said = Server.tool("redis-cli", "--pipe", stdin=requests)
        self.assertIn("errors: 0, replies: 2000", said)
        self.assertEqual(len(self.ask("KEYS key-1*")), 1000)

    def test_the_benchmark_runs(self):
        tests = ("ping_inline", "ping_mbulk", "set", "get", "incr", "mset")
        said = Server.tool("redis-benchmark", "-q", "--csv", "-n", "200", "-c", "8", "-P", "4",
                           "-t", ",".join(tests))  # fmt: skip
        rows = re.findall(r'(?m)^"[A-Z_ ()0-9a-z]+","([0-9.]+)"', said)
        self.assertEqual(len(rows), len(tests), said)
        self.assertNotIn("WARNING", said)
        self.assertTrue(all(float(row) > 0 for row in rows))

    def test_what_was_answered_is_there_after_a_restart(self):
        self.assertEqual(self.ask("SET kept here", "SET gone 1", "DEL gone"), ["OK", "OK", "1"])
        Server.destroy()
        Server.start()
        self.assertEqual(self.ask("GET kept", "EXISTS gone"), ["here", "0"])


class Client(unittest.TestCase):
    """One that says what it likes."""

    def setUp(self):
        self.connection = socket.create_connection(("127.0.0.1", int(Server.port)), TIMEOUT_S)
        self.addCleanup(self.connection.close)
        self.file = self.connection.makefile("rb")
        self.addCleanup(self.file.close)

    def send(self, data):
        """Send all of it."""
        self.connection.sendall(data)

    def assert_answered(self, data):
        """That comes."""
        self.assertEqual(self.file.read(len(data)), data)


class FullDisk(Client):
    """Of the disk a few MiB are left."""

    @classmethod
    def setUpClass(cls):
        Server.start_anew(ballast=54 * MIB)

    @classmethod
    def tearDownClass(cls):
        Server.start_anew()

    def ask(self, *words):
        """Send a request; return the first line of its answer."""
        self.send(b"*%d\r\n" % len(words) +
                  b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))  # fmt: skip
        return self.file.readline()

    def test_keys_can_be_deleted_and_then_there_is_room_again(self):
        value, n = b"v" * (MIB // 2), 0
        while (said := self.ask(b"SET", b"key-%d" % n, value)) == b"+OK\r\n":
            n += 1
        self.assertEqual(said, b"-ERR the disk is full: delete some keys\r\n")
        self.assertGreater(n, 2)
        half = b"h" * (MIB // 4)
        together = [b"MSET", b"half-1", half, b"key-0", half, b"half-2", half]
        self.assertEqual(self.ask(*together), said)
        self.assertEqual(self.ask(b"EXISTS", b"half-1", b"half-2"), b":0\r\n")
        self.assertEqual(self.ask(b"STRLEN", b"key-0"), b":%d\r\n" % len(value))
        self.assertEqual(self.ask(b"DEL", b"key-0", b"key-1"), b":2\r\n")
        deadline = time.monotonic() + TIMEOUT_S
        while (again := self.ask(b"SET", b"key-0", value)) == said:
            self.assertLess(time.monotonic(), deadline)
        self.assertEqual(again, b"+OK\r\n")
        self.assertEqual(self.ask(b"GET", b"key-2"), b"$%d\r\n" % len(value))
        self.assert_answered(value + b"\r\n")
        self.assertEqual(self.ask(b"DBSIZE"), b":%d\r\n" % (n - 1))
        self.assertEqual(self.ask(b"FLUSHALL"), b"+OK\r\n")


class Protocol(Client):
    """Requests that no tool sends."""

    def test_words_on_a_line_are_a_request(self):
        self.send(b"SET line 1\r\n\r\n  GET\tline \nPING\n")
        self.assert_answered(b"+OK\r\n$1\r\n1\r\n+PONG\r\n")

    def test_many_requests_may_come_at_once(self):
        self.send(b"".join(b"SET n%d %d\r\nGET n%d\r\n" % (i, i, i) for i in range(500)))
        for i in range(500):
            self.assert_answered(b"+OK\r\n$%d\r\n%d\r\n" % (len(str(i)), i))

    def test_memory_that_is_full_is_told_and_the_rest_is_there(self):
        request = b"*3\r\n$3\r\nSET\r\n$65000\r\n%065000d\r\n$1\r\n1\r\n"
        self.send(b"FLUSHALL\r\n")
        self.assert_answered(b"+OK\r\n")
        n = 0
        while True:
            self.send(request % n)
            said = self.file.readline()
            if said != b"+OK\r\n":
                break
            n += 1
        self.assertEqual(said, b"-OOM command not allowed: the guest's memory is full\r\n")
        self.send(b"EXISTS %065000d\r\nDBSIZE\r\nFLUSHALL\r\nSET after it\r\n" % 0)
        self.assert_answered(b":1\r\n:%d\r\n+OK\r\n+OK\r\n" % n)

    def test_what_cant_be_a_request_ends_the_connection(self):
        for request in (b"*1\r\n$1048577\r\n", b"x" * 70000):
            with socket.create_connection(("127.0.0.1", int(Server.port)), TIMEOUT_S) as one:
                one.sendall(b"PING\r\n" + request)
                said = b"".join(iter(lambda one=one: one.recv(4096), b""))
                self.assertTrue(said.startswith(b"+PONG\r\n-ERR Protocol error"), said)
        self.send(b"PING\r\n")  # of others nothing ends
        self.assert_answered(b"+PONG\r\n")

    def used_memory(self):
        return int(re.search(r"used_memory:(\d+)", Server.tool("redis-cli", "info", "memory"))[1])

    def test_idle_clients_take_little_memory(self):
        """Nothing is kept of what was done and answered."""
        n_clients, before = 60, self.used_memory()
        clients = []
        try:
            for _ in range(n_clients):
                clients.append(socket.create_connection(("127.0.0.1", int(Server.port)), TIMEOUT_S))
                clients[-1].sendall(b"PING\r\n" * 200)
            for client in clients:
                left = 7 * 200
                while left:
                    left -= len(client.recv(left))
            self.assertLess((self.used_memory() - before) / n_clients, 8192)
        finally:
            for client in clients:
                client.close()

    def test_answers_that_are_asked_for_at_once_all_come(self):
        """More than the server has memory for; and as many as a socket takes at once."""
        for size, n in ((MIB, 20), (4096, 120)):
            value = os.urandom(size)
            self.send(b"*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n$%d\r\n%s\r\n" % (size, value))
            self.assert_answered(b"+OK\r\n")
            self.send(b"GET large\r\n" * n + b"DEL large\r\n")
            for _ in range(n):
                self.assert_answered(b"$%d\r\n" % size + value + b"\r\n")
            self.assert_answered(b":1\r\n")


if __name__ == "__main__":
    unittest.main()
