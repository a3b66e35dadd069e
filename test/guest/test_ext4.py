# SPDX-License-Identifier: BSD-2-Clause
"""Guests with file systems on disks, in the lab that $SPRAT_LAB names; e2fsck has the last word."""

import os
import pathlib
import re
import struct
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SPRAT_BUILD", ROOT / "build"))
ENVIRONMENT = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
TIMEOUT_S = 200
SQLITE_FULL = 13
MIB = 1 << 20
N_SHARED = 2000  # as in ext4_user.c


def tool(*words):
    """Run a program of e2fsprogs; return what it did."""
    return subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          check=False, env=ENVIRONMENT)  # fmt: skip


class Disk(unittest.TestCase):
    """A disk that is made anew for each test."""

    def make(self, image, mib, *options):
        """Make the disk's file and a file system in it."""
        self.image = image
        with image.open("wb") as file:
            file.truncate(mib * MIB)
        done = tool("mke2fs", "-q", "-F", *options, image)
        self.assertEqual(done.returncode, 0, done.stderr)

    def run_guest(self, cfg, *words, status=0):
        """Run a guest; return what it says. The file system is whole behind it."""
        done = subprocess.run([ROOT / "scripts/sprat", "run", cfg, "--", *words],
                              capture_output=True, text=True, check=False,
                              timeout=TIMEOUT_S)  # fmt: skip
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.check()
        return done.stdout

    def check(self):
        """Have e2fsck look at the disk; it finds nothing wrong."""
        done = tool("e2fsck", "-fn", self.image)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Posix(Disk):
    """test/guest/ext4.c: calls of POSIX on /data."""

    def run_test(self, *words):
        """Run the guest; all its checks pass. Return what it says."""
        output = self.run_guest(BUILD / "test/guest/test-ext4.cfg", *words)
        self.assertIn("all passed", output)
        return output

    def test_ext4(self):
        """Files, names and directories; what is left at the end; another guest on the disk."""
        self.make(BUILD / "test/guest/ext4.img", 64, "-t", "ext4")
        self.run_test()
        self.run_test("leave")
        found = tool("debugfs", "-R", "cat /unflushed", self.image).stdout
        self.assertEqual(found, "said at the end")
        self.run_test("twice")
        found = tool("debugfs", "-R", "cat /twice", self.image).stdout
        self.assertEqual(found, "on the disk")
        output = self.run_test("sprat.disk.xvda=/data,ro", "ro")
        self.assertIn("'sprat.disk.xvda=/data' counts no more: it is given again", output)

    def test_ext2_full(self):
        """Without a journal; and a disk that is full."""
        self.make(BUILD / "test/guest/ext4.img", 16, "-t", "ext2")
        self.run_test()
        self.run_test("full")

    def test_user(self):
        """Two disks, and what is large, long or many on them; see ext4_user.c."""
        more = BUILD / "test/guest/more.img"
        self.make(more, 16, "-t", "ext2")
        with tempfile.TemporaryDirectory() as folder:
            for name in ("read", "written"):
                numbers = struct.pack(f"<{N_SHARED}I", *range(N_SHARED))
                pathlib.Path(folder, name).write_bytes(numbers)
            self.make(BUILD / "test/guest/ext4.img", 64, "-t", "ext4", "-d", folder)
        output = self.run_guest(BUILD / "test/guest/test-ext4-user.cfg")
        self.assertIn("all passed", output)
        self.image = more
        self.check()

    def test_refused(self):
        """A disk without a file system: the guest says what to do, and ends."""
        self.make(BUILD / "test/guest/ext4.img", 16, "-t", "ext4")
        output = self.run_guest(BUILD / "test/guest/test-ext4.cfg", "sprat.disk.xvdq=/more",
                                status=74)  # fmt: skip
        self.assertIn("xvdq: can't be mounted on /more: the guest has no such disk", output)
        output = self.run_guest(BUILD / "test/guest/test-ext4.cfg", "sprat.disk.xvda=data",
                                status=64)  # fmt: skip
        self.assertIn("a disk and a path are needed", output)
        output = self.run_guest(BUILD / "test/guest/test-ext4.cfg", "sprat.disk.xvda=/data,noatime",
                                status=64)  # fmt: skip
        self.assertIn("only ro or rw may follow the path", output)
        output = self.run_guest(BUILD / "test/guest/test-ext4.cfg", "sprat.disk.xvda=/data,",
                                status=64)  # fmt: skip
        self.assertIn("only ro or rw may follow the path", output)
        output = self.run_guest(BUILD / "test/guest/test-ext4.cfg",
                                f"sprat.disk.xvda=/{'d' * 300}", status=64)  # fmt: skip
        self.assertRegex(output, "'sprat.disk.xvda=/d{74}': it is too long")

    def test_bitmaps_larger_than_the_guest(self):
        """libext2fs has all of them in memory: a TiB wants more than the guest's."""
        image = BUILD / "test/guest/ext4.img"
        self.addCleanup(image.unlink)
        self.make(image, 2**20, "-t", "ext4", "-O", "^has_journal")
        output = self.run_guest(BUILD / "test/guest/test-ext4.cfg", status=74)
        self.assertIn("there is not enough memory: give the guest more", output)


class Sqlite(Disk):
    """examples/sqlite: its shell."""

    def sql(self, *texts, status=0):
        """Run SQL on /data/test.db; return what it answers, line by line."""
        said = self.run_guest(BUILD / "examples/sqlite/sqlite.cfg", "/data/test.db", *texts,
                              status=status)  # fmt: skip
        return said.splitlines()

    def test_database(self):
        """What one guest inserts another one reads."""
        self.make(BUILD / "examples/sqlite/sqlite.img", 32, "-t", "ext4")
        answer = self.sql("create table t(a integer primary key, b text);"
                          "insert into t select value, hex(randomblob(50))"
                          " from generate_series(1, 500); PRAGMA integrity_check;")  # fmt: skip
        self.assertEqual(answer, ["ok"])
        answer = self.sql("select count(*), sum(a), sum(length(b)) from t;"
                          "delete from t where a % 2; vacuum; PRAGMA integrity_check;"
                          "select count(*) from t;")  # fmt: skip
        self.assertEqual(answer, ["500|125250|50000", "ok", "250"])

    def test_dump(self):
        """What .dump writes into a file makes the same database again."""
        self.make(BUILD / "examples/sqlite/sqlite.img", 32, "-t", "ext4")
        self.sql("create table t(a integer primary key, b text); create index i on t(b);"
                 "insert into t select value, hex(randomblob(40)) from generate_series(1, 2000);",
                 ".output /data/dump.sql", ".dump", ".output", ".open /data/again.db",
                 ".read /data/dump.sql")  # fmt: skip
        answer = self.sql("attach '/data/again.db' as again; select count(*) from t;"
                          "select count(*) from (select * from t except select * from again.t);"
                          "select count(*) from again.sqlite_schema;")  # fmt: skip
        self.assertEqual(answer, ["2000", "0", "2"])

    def test_full(self):
        """A transaction that the disk has no room for is none; one that fits is one."""
        self.make(BUILD / "examples/sqlite/sqlite.img", 16, "-t", "ext4")
        answer = self.sql("create table t(b); insert into t values('first');"
                          "insert into t select randomblob(500000) from generate_series(1, 60);",
                          status=SQLITE_FULL)  # fmt: skip
        self.assertIn("database or disk is full", "".join(answer))
        answer = self.sql("PRAGMA integrity_check; insert into t select randomblob(500000)"
                          " from generate_series(1, 10); select count(*), sum(length(b)) from t;"
                          "PRAGMA integrity_check;")  # fmt: skip
        self.assertEqual(answer, ["ok", "11|5000005", "ok"])

    def test_speedtest(self):
        """SQLite's own benchmark finds on a disk what it finds in memory."""
        self.make(BUILD / "examples/sqlite/sqlite.img", 32, "-t", "ext4")
        hashes = []
        for database in ("/data/speed.db", ":memory:"):
            said = self.run_guest(BUILD / "examples/sqlite/speedtest1.cfg", "--size", "1",
                                  "--verify", database)  # fmt: skip
            self.assertIn("TOTAL", said)
            hashes.append(re.search(r"Verification Hash: .*", said)[0])
        self.assertEqual(*hashes)


if __name__ == "__main__":
    unittest.main()
