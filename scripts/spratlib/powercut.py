# SPDX-License-Identifier: BSD-2-Clause
"""Cut guests off in the middle of their work, and look at what their disks have kept.

A guest with a disk is destroyed at a random moment, started again on the same disk, and asked for
all that it had acknowledged before; again and again. kv answers clients, and an answer to SET is an
acknowledgement; SQLite's shell prints a row's number behind each commit. SQLite checks its database
after each cut (PRAGMA integrity_check), e2fsck the file system after every --fsck of them, in a
copy. The same seed makes the same choices; what the moments hit depends on the machine.

Destroying a guest keeps what dom0 has in its cache: that a flush is needed and sent is what
test/powercut/simulate.c is for.
"""

import contextlib
import io
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from spratlib import cpio, guest_cfg, lab, lab_cli, paths
from spratlib.errors import SpratError

KV_ADDRESS = "10.0.0.99"
KV_PORT = 6379
N_CLIENTS = 4
START_TIMEOUT_S = 300
DISK_MIB = 64
SAID_MAX = 2000  # characters of what a guest said, in a complaint
DISK_SPEC = "format=raw,vdev=xvda,access=rw,backendtype=phy,script=block"
SQL_ROUNDS = 2000
JOURNAL_MODES = ("delete", "truncate", "persist", "wal")


def add_arguments(parser):
    parser.add_argument("load", choices=sorted(LOADS), help="what the guest is doing")
    parser.add_argument("--cuts", type=lab_cli.positive, default=200, metavar="N",
                        help="how many (default: 200)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, help="of all choices (default: 1)")
    parser.add_argument("--longest", type=float, default=3.0, metavar="S",
                        help="work at most so long before a cut (default: 3)")  # fmt: skip
    parser.add_argument("--fsck", type=lab_cli.positive, default=5, metavar="N",
                        help="have e2fsck look after each Nth cut (default: 5)")  # fmt: skip
    parser.add_argument("--mkfs", default="-t ext4", metavar="OPTIONS",
                        help="of mke2fs (default: -t ext4)")  # fmt: skip
    parser.add_argument("--lab", metavar="NAME",
                        default=os.environ.get("SPRAT_LAB") or lab.DEFAULT_NAME,
                        help="the lab to do it in (default: $SPRAT_LAB)")  # fmt: skip


def main(args):
    """Cut, start, compare; return 0, or raise SpratError for what was lost."""
    running = lab.Lab(args.lab)
    running.require_running()
    chance = random.Random(args.seed)
    with tempfile.TemporaryDirectory(dir=paths.build_folder(), prefix="powercut-") as folder:
        disk = Disk(pathlib.Path(folder) / "disk.img", args.mkfs)
        load = LOADS[args.load](running, pathlib.Path(folder), disk, chance)
        try:
            for cut in range(1, args.cuts + 1):
                load.work(chance.uniform(0, args.longest))
                load.destroy()
                if cut % args.fsck == 0:
                    disk.check()
                if cut % 10 == 0:
                    lab_cli.report(f"{cut} cuts, {load.n_acknowledged} acknowledged writes")
            load.work(0)  # what the last cut left
        finally:
            load.destroy()
    print(f"{args.load}: {args.cuts} cuts, {load.n_acknowledged} acknowledged writes: none is lost")
    return 0


class Disk:
    """A file with a file system."""

    def __init__(self, path, mkfs):
        self.path = path
        with path.open("wb") as file:
            file.truncate(DISK_MIB << 20)
        run_tool(["mke2fs", "-q", "-F", *mkfs.split(), str(path)])

    def check(self):
        """Have e2fsck replay the journal of a copy, and find nothing wrong with it."""
        copy = self.path.with_suffix(".copy")
        shutil.copyfile(self.path, copy)
        run_tool(["e2fsck", "-y", "-E", "journal_only", str(copy)])
        run_tool(["e2fsck", "-fn", str(copy)])
        copy.unlink()


def run_tool(argv):
    """Run a program of e2fsprogs; SpratError with what it says when it is not content."""
    folders = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False,
                              env={**os.environ, "PATH": folders})  # fmt: skip
    except FileNotFoundError as error:
        raise SpratError(f"{argv[0]} is not here: apt install e2fsprogs") from error
    if done.returncode != 0:
        raise SpratError(f"{' '.join(argv)} ended with {done.returncode}:\n"
                         f"{done.stdout}{done.stderr}")  # fmt: skip


class Load:
    """A guest that works on a disk, and what it has acknowledged."""

    image = None

    def __init__(self, running, folder, disk, chance):
        self.lab = running
        self.folder = folder
        self.disk = disk
        self.chance = chance
        self.name = f"powercut-{os.urandom(4).hex()}"
        self.n_acknowledged = 0
        self.cfg = guest_cfg.find(self.image)

    def create(self, settings):
        """Start the guest. @param settings  of the cfg, as xl create takes them"""
        spec = f"{DISK_SPEC},target={self.disk.path}"
        self.lab.output_of(["rm", "-f", self.log_path()])
        words = [f"{key}={guest_cfg.quote(value)}" for key, value in
                 {"name": self.name, "on_crash": "preserve", **settings}.items()]  # fmt: skip
        self.lab.output_of(["xl", "create", "-q", "-e", str(self.cfg), *words,
                            f'disk=["{spec}"]'], START_TIMEOUT_S)  # fmt: skip

    def destroy(self):
        """Take its power. It may be gone already."""
        command = f"xl destroy {self.name} 2>/dev/null; :"
        self.lab.output_of(["sh", "-c", command], START_TIMEOUT_S)

    def log_path(self):
        """Where dom0 keeps what the guest says."""
        return f"/var/log/xen/console/guest-{self.name}.log"

    def said(self):
        """Return what the guest has said."""
        return self.lab.output_of(["sh", "-c", f"cat {self.log_path()} 2>/dev/null; :"])


class Kv(Load):
    """Clients of kv, each with keys of its own; values count up."""

    image = "kv"

    def __init__(self, *args):
        super().__init__(*args)
        self.port = self.lab.forward(KV_ADDRESS, KV_PORT)
        self.sent = {}
        self.acknowledged = {}

    def connect(self):
        """Return a connection, once the server answers."""
        end = time.monotonic() + START_TIMEOUT_S
        while True:
            with contextlib.suppress(OSError, EOFError):
                client = KvClient(self.port)
                if client.ask("PING") == "PONG":
                    return client
            if time.monotonic() > end:
                raise SpratError(f"kv does not answer; it says:\n{self.said()}")
            time.sleep(0.1)

    def work(self, seconds):
        """Start the guest, compare, and write for a while."""
        self.create({"extra": f"sprat.disk.xvda=/data sprat.ip={KV_ADDRESS}/24"})
        self.compare(self.connect())
        clients = [self.connect() for _ in range(N_CLIENTS)]
        threads = [threading.Thread(target=self.write, args=(client, number, self.chance.random()))
                   for number, client in enumerate(clients)]  # fmt: skip
        self.ending = False
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self.destroy()
        self.ending = True
        for client in clients:
            client.close()
        for thread in threads:
            thread.join()

    def write(self, client, number, seed):
        """Set keys to ever larger numbers, until the power is gone."""
        chance = random.Random(seed)
        with contextlib.suppress(OSError, EOFError):
            while not self.ending:
                key = f"{number}-{chance.randrange(50)}"
                value = self.sent.get(key, 0) + 1
                self.sent[key] = value
                client.ask("SET", key, f"{value}:" + "x" * chance.randrange(3000))
                self.acknowledged[key] = value
                self.n_acknowledged += 1

    def compare(self, client):
        """What was acknowledged is there, and nothing that was never sent."""
        for key, sent in self.sent.items():
            least = self.acknowledged.get(key, 0)
            value = client.ask("GET", key)
            found = int(value.partition(":")[0]) if value else 0
            if not least <= found <= sent:
                raise SpratError(f"key {key}: {least} was acknowledged, {sent} sent, and {found}"
                                 " is there")  # fmt: skip
            # What was on its way has happened or not; now it is known.
            self.sent[key] = self.acknowledged[key] = found


class KvClient:
    """A connection in the redis protocol."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._file = self._socket.makefile("rb")

    def ask(self, *words):
        """Send a request; return its answer as text, None for nil. EOFError at the end."""
        parts = [f"*{len(words)}\r\n", *(f"${len(word)}\r\n{word}\r\n" for word in words)]
        self._socket.sendall("".join(parts).encode())
        line = self._file.readline().decode()
        if not line.endswith("\r\n"):
            raise EOFError
        kind, rest = line[0], line[1:-2]
        if kind == "-":
            raise SpratError(f"kv answers: {rest}")
        if kind != "$":
            return rest
        if int(rest) < 0:
            return None
        data = self._file.read(int(rest) + 2)
        if len(data) != int(rest) + 2:
            raise EOFError
        return data[:-2].decode()

    def close(self):
        """End it, in whatever state."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class Sqlite(Load):
    """SQLite's shell with a script: each commit is followed by the number of the last row."""

    image = "sqlite"

    def __init__(self, *args):
        super().__init__(*args)
        self.acknowledged = 0
        self.scripts = {}
        for mode in JOURNAL_MODES:
            path = self.folder / f"{mode}.cpio"
            file = io.BytesIO()
            archive = cpio.Writer(file)
            archive.file("work.sql", script_of(mode, self.chance).encode())
            archive.close()
            path.write_bytes(file.getvalue())
            self.scripts[mode] = path

    def work(self, seconds):
        """Start the guest, compare, and let it insert for a while."""
        mode = self.chance.choice(JOURNAL_MODES)
        self.create({"extra": "sprat.disk.xvda=/data SQLITE_TMPDIR=/data HOME=/data /data/test.db"
                              " '.read /work.sql'",
                     "ramdisk": str(self.scripts[mode])})  # fmt: skip
        self.compare()
        time.sleep(seconds)
        self.destroy()
        rows = [int(row) for row in re.findall(r"(?m)^row (\d+)\r?$", self.said())]
        if rows:
            self.n_acknowledged += len(rows)
            self.acknowledged = max(rows)

    def compare(self):
        """The database is whole, and has all rows that were acknowledged, and no gap."""
        end = time.monotonic() + START_TIMEOUT_S
        while not (found := re.search(r"(?m)^found (\d+) (\d+) (.*?)\r?$", self.said())):
            if time.monotonic() > end:
                raise SpratError(f"SQLite does not begin; it says:\n{self.said()[:SAID_MAX]}")
            time.sleep(0.1)
        last, count, verdict = int(found[1]), int(found[2]), found[3]
        if verdict != "ok":
            raise SpratError(f"the database is not whole: {verdict}")
        if last < self.acknowledged or count != last:
            raise SpratError(f"row {self.acknowledged} was acknowledged; the last row is {last}, of"
                             f" {count}")  # fmt: skip


def script_of(mode, chance):
    """Return SQL: check, then transactions of one row or several, each acknowledged."""
    lines = ["PRAGMA locking_mode=exclusive;",  # the cut may have left a write-ahead log
             f"PRAGMA journal_mode={mode};",
             "PRAGMA synchronous=FULL;",
             "create table if not exists t(a integer primary key, b text);",
             "create index if not exists i on t(b);",
             "select 'found ' || ifnull(max(a), 0) || ' ' || count(*) || ' ' ||"
             " (select integrity_check from pragma_integrity_check limit 1) from t;"]  # fmt: skip
    for _ in range(SQL_ROUNDS):
        rows = chance.choice((1, 1, 1, 5, 40))
        insert = f"insert into t(b) values(hex(randomblob({chance.randrange(10, 200)})));"
        update = f"update t set b=hex(randomblob(30)) where a % 37 = {chance.randrange(37)};"
        lines.append("begin;" + insert * rows + (update if rows == 5 else "") + "commit;")
        lines.append("select 'row ' || max(a) from t;")
    return "\n".join(lines) + "\n"


LOADS = {"kv": Kv, "sqlite": Sqlite}
