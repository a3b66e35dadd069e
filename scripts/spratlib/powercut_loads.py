# SPDX-License-Identifier: BSD-2-Clause
"""Guests that work on a disk while their power is cut, and what they have acknowledged."""

import contextlib
import io
import os
import random
import re
import shutil
import socket
import threading
import time

from spratlib import cpio, guest_cfg, guestconsole
from spratlib.errors import SpratError

START_TIMEOUT_S = 300
SAID_MAX = 2000  # characters of what a guest said, in a complaint
EARLY_S = 1.0  # a guest has started by then
# In dom0: forget what a guest said ($0 has it), and start another one.
CREATE = 'rm -f "$0"; exec xl create -q -e "$@"'
# Take the power of guest $1; print what it has said. It may be gone already.
DESTROY = 'xl destroy "$1" 2>/dev/null; cat "$0" 2>/dev/null; :'
DISK_SPEC = "format=raw,vdev=xvda,access=rw,backendtype=phy,script=block"

KV_ADDRESS = "10.0.0.99"
KV_PORT = 6379
N_CLIENTS = 4
N_KEYS = 50  # of each client
TOGETHER_MAX = 5  # keys that it sets in one request
VALUE_MAX = 3000
ANSWER_TIMEOUT_S = 60

SQL_ROUNDS = 2000
JOURNAL_MODES = ("delete", "truncate", "persist", "wal")


class Load:
    """A guest, started on the disk that is at `device` in dom0; destroyed at a `with`'s end."""

    image = None

    def __init__(self, running, folder, device, chance):
        self.lab = running
        self.folder = folder
        self.device = device
        self.chance = chance
        self.name = f"powercut-{os.urandom(4).hex()}"
        self.log = f"/var/log/xen/console/guest-{self.name}.log"  # in dom0
        self.alive = False
        self.n_acknowledged = 0
        self.cfg = guest_cfg.find(self.image)
        # A copy: it may be built anew meanwhile.
        self.kernel = folder / f"{self.image}.xen"
        shutil.copyfile(self.cfg.parent / guest_cfg.parse(self.cfg.read_text())["kernel"],
                        self.kernel)  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.alive:
            self.destroy()

    def settings(self):
        """Return what its cfg says besides, as xl create takes it."""
        raise NotImplementedError

    def work(self, seconds, trouble=None):
        """Start it, compare, have it work, make trouble if there is to be some, and destroy it."""
        raise NotImplementedError

    def begin(self):
        """Start it, and destroy it before it has, or right after that."""
        self.create()
        time.sleep(self.chance.uniform(0, EARLY_S))
        self.destroy()

    def take_account(self, said):
        """The guest is gone: what has it acknowledged of which nobody knows yet?"""

    def create(self):
        """Start the guest."""
        spec = f"{DISK_SPEC},target={self.device}"
        settings = {"name": self.name, "kernel": str(self.kernel), "on_crash": "preserve",
                    **self.settings()}  # fmt: skip
        words = [f"{key}={guest_cfg.quote(value)}" for key, value in settings.items()]
        self.alive = True
        self.lab.output_of(["sh", "-c", CREATE, self.log, str(self.cfg), *words,
                            f'disk=["{spec}"]'], START_TIMEOUT_S)  # fmt: skip

    def wait_for(self, text):
        """Wait until the guest says a line with this; return all it said till then."""
        return guestconsole.wait_for(self.lab, self.name, text, START_TIMEOUT_S)

    def destroy(self):
        """Take its power."""
        self.alive = False
        said = self.lab.output_of(["sh", "-c", DESTROY, self.log, self.name], START_TIMEOUT_S)
        if "sprat: panic:" in said:
            raise SpratError(f"the guest has crashed; it says:\n{said[-SAID_MAX:]}")
        self.take_account(said)


class Kv(Load):
    """Clients of kv, each with keys of its own, and one change on its way at a time."""

    image = "kv"

    def __init__(self, *args):
        super().__init__(*args)
        self.port = self.lab.forward(KV_ADDRESS, KV_PORT)
        self.values = {}  # what is there; None: nothing
        self.pending = {}  # by client: what was sent and not answered

    def settings(self):
        return {"extra": f"sprat.disk.xvda=/data sprat.ip={KV_ADDRESS}/24"}

    def work(self, seconds, trouble=None):
        self.create()
        self.wait_for("kv: ")
        clients = [KvClient(self.port) for _ in range(N_CLIENTS)]
        self.compare(clients[0])
        threads = [threading.Thread(target=self.write, args=(client, number, self.chance.random()))
                   for number, client in enumerate(clients)]  # fmt: skip
        self.ending = False
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        if trouble:
            trouble()
        self.destroy()
        self.ending = True
        for client in clients:
            client.close()
        for thread in threads:
            thread.join()

    def write(self, client, number, seed):
        """Make one change after the other, until the power is gone."""
        chance = random.Random(seed)
        with contextlib.suppress(OSError, EOFError):
            while not self.ending:
                keys = [f"{number}-{chance.randrange(N_KEYS)}"]
                if not chance.randrange(8):
                    request, change = ["DEL", *keys], {keys[0]: None}
                else:
                    if not chance.randrange(3):
                        keys = [f"{number}-{n}" for n in chance.sample(range(N_KEYS), TOGETHER_MAX)]
                    change = {key: f"{chance.random()}:" + "x" * chance.randrange(VALUE_MAX)
                              for key in keys}  # fmt: skip
                    request = ["MSET", *(word for pair in change.items() for word in pair)]
                self.pending[number] = change
                client.ask(*request)
                self.values.update(change)
                del self.pending[number]
                self.n_acknowledged += 1

    def compare(self, client):
        """What was acknowledged is there; what was on its way has happened, as a whole, or not."""
        keys = sorted({*self.values, *(key for change in self.pending.values() for key in change)})
        found = dict(zip(keys, client.ask("MGET", *keys) if keys else [], strict=True))
        expected = {key: self.values.get(key) for key in keys}
        for change in self.pending.values():
            if all(found[key] == value for key, value in change.items()):
                expected.update(change)
        for key in keys:
            if found[key] != expected[key]:
                raise SpratError(f"key {key}: {abridged(expected[key])} is what should be there,"
                                 f" and {abridged(found[key])} is")  # fmt: skip
        self.values = found
        self.pending.clear()
        n_keys = sum(value is not None for value in found.values())
        if client.ask("DBSIZE") != str(n_keys):
            raise SpratError(f"there are {client.ask('DBSIZE')} keys, and not {n_keys}")


def abridged(value):
    """Return a value as it is told."""
    return "nothing" if value is None else value[:24]


class KvClient:
    """A connection in the redis protocol."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_TIMEOUT_S)
        self._file = self._socket.makefile("rb")

    def ask(self, *words):
        """Send a request; return its answer: text, None for nil, a list. EOFError at the end."""
        parts = [f"*{len(words)}\r\n", *(f"${len(word)}\r\n{word}\r\n" for word in words)]
        self._socket.sendall("".join(parts).encode())
        return self._answer()

    def _answer(self):
        line = self._file.readline().decode()
        if not line.endswith("\r\n"):
            raise EOFError
        kind, rest = line[0], line[1:-2]
        if kind == "-":
            raise SpratError(f"kv answers: {rest}")
        if kind == "*":
            return [self._answer() for _ in range(int(rest))]
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

    def settings(self):
        return {"extra": "sprat.disk.xvda=/data SQLITE_TMPDIR=/data HOME=/data /data/test.db"
                         " '.read /work.sql'",
                "ramdisk": str(self.scripts[self.chance.choice(JOURNAL_MODES)])}  # fmt: skip

    def work(self, seconds, trouble=None):
        self.create()
        self.compare()
        time.sleep(seconds)
        if trouble:
            trouble()
        self.destroy()

    def take_account(self, said):
        rows = [int(row) for row in re.findall(r"(?m)^row (\d+)\r?$", said)]
        if rows:
            self.n_acknowledged += len(rows)
            self.acknowledged = max(rows)

    def compare(self):
        """The database is whole, and has all rows that were acknowledged, and no gap."""
        said = self.wait_for("found ")
        found = re.search(r"(?m)^found (\d+) (\d+) (.*)$", said)
        if not found:
            raise SpratError(f"SQLite does not begin; it says:\n{said[:SAID_MAX]}")
        last, count, verdict = int(found[1]), int(found[2]), found[3]
        if verdict != "ok":
            raise SpratError(f"the database is not whole: {verdict}")
        if last < self.acknowledged or count != last:
            raise SpratError(f"row {self.acknowledged} was acknowledged; the last row is {last}, of"
                             f" {count}")  # fmt: skip


def script_of(mode, chance):
    """Return SQL: check, then transactions of one row or several, each acknowledged."""
    lines = [".bail on",  # what follows an error is no acknowledgement
             "PRAGMA locking_mode=exclusive;",  # the cut may have left a write-ahead log
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
