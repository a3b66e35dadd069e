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

    def test_a_request_may_come_byte_by_byte(self):
        for byte in (b"*3\r\n$3\r\nSET\r\n$2\r\nbb\r\n$4\r\n\r\n\0\xff\r\n"
                     b"*2\r\n$3\r\nGET\r\n$2\r\nbb\r\n"):  # fmt: skip
            self.send(bytes([byte]))
        self.assert_answered(b"+OK\r\n$4\r\n\r\n\0\xff\r\n")

    def test_many_requests_may_come_at_once(self):
        self.send(b"".join(b"SET n%d %d\r\nGET n%d\r\n" % (i, i, i) for i in range(500)))
        for i in range(500):
            self.assert_answered(b"+OK\r\n$%d\r\n%d\r\n" % (len(str(i)), i))

    def assert_exchanges(self, exchanges):
        """Requests, words on a line, are answered like that, each."""
        for request, answer in exchanges.items():
            with self.subTest(request=request):
                self.send(request.encode() + b"\r\n")
                self.assert_answered(answer.encode() + b"\r\n")

    def test_words_in_quotes_hold_what_they_like(self):
        self.send(b'SET q "two words\\n\\x41\\q\\""\r\nGET \'q\'\r\n')
        self.send(b"SET q 'it\\'s\\n'\r\nGET \"q\"\r\n")
        self.assert_answered(b'+OK\r\n$13\r\ntwo words\nAq"\r\n+OK\r\n$6\r\nit\'s\\n\r\n')
        self.send(b'SET q ""\r\nSTRLEN q\r\n')
        self.assert_answered(b"+OK\r\n:0\r\n")

    def test_set_has_the_options_of_redis(self):
        integer, syntax = "-ERR value is not an integer or out of range", "-ERR syntax error"
        expiry = "-ERR invalid expire time in 'set' command"
        self.assert_exchanges({
            "DEL o": ":0", "SET o 1 XX": "$-1", "SET o 1 NX GET": "$-1",
            "SET o 2 NX GET": "$1\r\n1",
            "SET o 2 nx": "$-1", "SET o 3 GET": "$1\r\n1", "SET o 4 EX 100": "+OK", "TTL o": ":100",
            "SET o 5 KEEPTTL": "+OK", "TTL o ": ":100", "SET o 6": "+OK", "TTL  o": ":-1",
            "SET o 7 PXAT 99999999999999": "+OK", "PEXPIRETIME o": ":99999999999999",
            "SET o 8 EXAT 99999999999": "+OK", "EXPIRETIME o": ":99999999999",
            "SET o 9 PXAT 1": "+OK", "GET o": "$-1", "SET o 1 EX 0": expiry,
            "SET o 1 EX -1": expiry,
            "SET o 1 EX 9223372036854775807": expiry, "SET o 1 EX x": integer, "SET o 1 EX": syntax,
            "SET o 1 EX 5 PX 5": syntax, "SET o 1 EX 5 KEEPTTL": syntax, "SET o 1 NX XX": syntax,
            "SET o 1 KEEPTTL EX 5": syntax, "SET o 1 FROG": syntax, "EXISTS o": ":0",
        })  # fmt: skip

    def test_one_answer_when_a_set_with_get_is_refused(self):
        key = b"k" * 65536
        self.send(b"*4\r\n$3\r\nSET\r\n$65536\r\n%s\r\n$1\r\n1\r\n$3\r\nGET\r\nPING\r\n" % key)
        self.assert_answered(b"-ERR a key has at most 65535 bytes\r\n+PONG\r\n")

    def test_keys_expire_on_redis_conditions(self):
        self.assert_exchanges({
            "DEL e": ":0", "EXPIRE e 10": ":0", "SET e 1": "+OK", "EXPIRE e 10 XX": ":0",
            "EXPIRE e 10 GT": ":0", "EXPIRE e 100 NX": ":1", "EXPIRE e 200 NX": ":0",
            "EXPIRE e 50 GT": ":0", "EXPIRE e 200 GT": ":1", "EXPIRE e 300 LT": ":0",
            "EXPIRE e 150 XX LT": ":1", "TTL e": ":150", "PERSIST e": ":1", "PERSIST  e": ":0",
            "EXPIRE e 10 LT": ":1", "EXPIRE e 10 GT LT":
            "-ERR GT and LT options at the same time are not compatible",
            "EXPIRE e 10 NX XX":
            "-ERR NX and XX, GT or LT options at the same time are not compatible",
            "EXPIRE e 10 ZZ": "-ERR Unsupported option ZZ",
            "EXPIRE e x": "-ERR value is not an integer or out of range",
            "EXPIRE e 9223372036854775807": "-ERR invalid expire time in 'expire' command",
            "PEXPIREAT e 9223372036854775807": ":1", "EXPIRETIME e": ":9223372036854776",
            "PEXPIRE e -1": ":1", "EXISTS e": ":0", "TTL  e": ":-2", "SETEX e 0 v":
            "-ERR invalid expire time in 'setex' command", "PSETEX e 99999 v": "+OK",
            "EXPIREAT e 1": ":1", "GET e": "$-1",
        })  # fmt: skip

    def test_numbers_are_written_in_one_way(self):
        integer = "-ERR value is not an integer or out of range"
        self.assert_exchanges({
            "SET i 007": "+OK", "INCR i": integer, "SET i +1": "+OK", "INCR  i": integer,
            "SET i -0": "+OK", "INCR   i": integer, "SET i 0": "+OK", "DECRBY i -5": ":5",
            "DECRBY i -9223372036854775808": "-ERR decrement would overflow",
            "INCRBY i 9223372036854775807": "-ERR increment or decrement would overflow",
            "INCRBY i 01": integer, "SET i 1 EX 100": "+OK", "INCR i ": ":2", "TTL i": ":100",
            "GETSET i 3": "$1\r\n2", "TTL i ": ":-1", "GETDEL i": "$1\r\n3", "GETDEL i ": "$-1",
        })  # fmt: skip

    def test_what_clients_ask_for_before_they_begin(self):
        name = "$2\r\nme"
        self.assert_exchanges({
            "CLIENT GETNAME": "$-1", "CLIENT SETNAME me": "+OK", "CLIENT GETNAME ": name,
            "CLIENT SETINFO LIB-NAME x": "+OK", "CLIENT REPLY OFF":
            "-ERR unknown subcommand 'REPLY' of 'client', or it has too few or too many arguments",
            'CLIENT SETNAME "a b"': "-ERR Client names cannot contain spaces, newlines or special "
            "characters.", "HELLO 3": "-NOPROTO unsupported protocol version", "HELLO 2 SETNAME":
            "-ERR syntax error", "HELLO x":
            "-ERR Protocol version is not an integer or out of range",
            "AUTH secret": "-ERR AUTH <password> called without any password configured for the "
            "default user. Are you sure your configuration is correct?", "SELECT 0": "+OK",
            "SELECT 1": "-ERR DB index is out of range",
            "SELECT x": "-ERR value is not an integer or out of range",
            "CONFIG GET save": "*2\r\n$4\r\nsave\r\n$0\r\n", "CONFIG GET nothing": "*0",
            "CONFIG GET app*": "*4\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n$11\r\nappendfsync\r\n"
            "$6\r\nalways", "CONFIG SET save x":
            "-ERR unknown subcommand 'SET' of 'config', or it has too few or too many arguments",
            "COMMAND DOCS get": "*0", "COMMAND INFO no": "*1\r\n*-1", "COMMAND INFO mset":
            "*1\r\n*6\r\n$4\r\nmset\r\n:-3\r\n*1\r\n+write\r\n:1\r\n:-1\r\n:2",
        })  # fmt: skip
        self.send(b"HELLO 2 SETNAME you\r\nCLIENT GETNAME\r\n")
        said = self.file.read(len(b"*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n"))
        self.assertEqual(said, b"*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n")
        while (line := self.file.readline()) != b"*0\r\n":
            self.assertTrue(line)
        self.assert_answered(b"$3\r\nyou\r\n")

    def test_info_tells_the_sections_that_are_asked_for(self):
        self.send(b"FLUSHALL\r\nMSET a 1 b 2\r\nEXPIRE a 100\r\nINFO keyspace\r\n")
        self.assert_answered(b"+OK\r\n+OK\r\n:1\r\n")
        self.assert_answered(b"$44\r\n# Keyspace\r\ndb0:keys=2,expires=1,avg_ttl=0\r\n\r\n")
        self.assert_exchanges({"FLUSHALL NOW": "-ERR syntax error", "MSET a 3 b 4 a 5": "+OK",
                               "GET a": "$1\r\n5", "MSET a 3 b":
                               "-ERR wrong number of arguments for 'mset' command",
                               "FLUSHDB ASYNC": "+OK",
                               "DBSIZE": ":0", "INFO nothing": "$0\r\n"})  # fmt: skip

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

    def test_empty_requests_are_none(self):
        self.send(b"*0\r\n*-1\r\n*-5\r\n\r\nPING\r\n")
        self.assert_answered(b"+PONG\r\n")

    def test_what_cant_be_a_request_ends_the_connection(self):
        refused = {
            b"*1\r\n$-1\r\n": b"invalid bulk length",
            b"*1\r\n$-9223372036854775808\r\n": b"invalid bulk length",
            b"*1\r\n$1048577\r\n": b"invalid bulk length",
            b"*1\r\n$99999999999999999999\r\n": b"invalid bulk length",
            b"*1\r\n$x\r\n": b"invalid bulk length",
            b"*1\r\n$\r\n": b"invalid bulk length",
            b"*1\r\n:1\r\n": b"invalid bulk length",
            b"*1025\r\n": b"invalid multibulk length",
            b"*9223372036854775807\r\n": b"invalid multibulk length",
            b"*x\r\n": b"invalid multibulk length",
            b"*1\r\n$4\r\nPINGPONG\r\n": b"longer than it said",
            b"x" * 70000: b"too big",
            b'GET "a\r\n': b"unbalanced quotes",
            b"GET 'a\\'\r\n": b"unbalanced quotes",
            b'GET "a"b\r\n': b"unbalanced quotes",
        }  # fmt: skip
        for request, why in refused.items():
            with socket.create_connection(("127.0.0.1", int(Server.port)), TIMEOUT_S) as one:
                one.sendall(b"PING\r\n" + request)
                said = b"".join(iter(lambda one=one: one.recv(4096), b""))
                self.assertTrue(said.startswith(b"+PONG\r\n-ERR Protocol error"), said)
                self.assertIn(why, said)
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

    def test_large_values_wait_for_who_reads_slowly(self):
        value = os.urandom(MIB)
        self.send(b"*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n$%d\r\n%s\r\n" % (MIB, value))
        self.assert_answered(b"+OK\r\n")
        # More answers than the server has memory for: it takes requests as they are read.
        self.send(b"GET large\r\n" * 20 + b"DEL large\r\n")
        for _ in range(20):
            self.assert_answered(b"$%d\r\n" % MIB + value + b"\r\n")
        self.assert_answered(b":1\r\n")


if __name__ == "__main__":
    unittest.main()
