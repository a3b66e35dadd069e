# SPDX-License-Identifier: BSD-2-Clause
"""The log of Linux' dm-log-writes: what was written to a disk, and when it was flushed.

The log tells what a volatile cache may have lost at any moment. A write that completed before a
flush began, and the flush completed, is on the disk; so is one with FUA. Of the others each sector
may be there or not, whatever its neighbours are.

Source of the format: Linux, drivers/md/dm-log-writes.c. Sector 0 has the number of entries; then
each entry is a sector that describes it, and its data. Writes are logged when a flush behind them
completes, and what nobody flushed when the device is removed, before a mark that says so.
"""

import dataclasses
import os
import struct

from spratlib.errors import SpratError

SECTOR = 512
MAGIC = 0x6A736677736872
VERSION = 1
SUPER = struct.Struct("<QQQI")  # magic, version, entries, bytes of a sector
ENTRY = struct.Struct("<QQQQ")  # sector, sectors, flags, bytes of a mark
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
END_MARK = b"dm-log-writes-end"


@dataclasses.dataclass(frozen=True)
class Entry:
    """A write, a flush (of no bytes), a discard or a mark."""

    flags: int
    offset: int  # on the disk; bytes, as all here
    length: int
    at: int  # where in the log its data is


class WriteLog:
    """A log that is complete: its device was removed. Use it in a `with`."""

    def __init__(self, path):
        self._file = open(path, "rb")
        try:
            self.entries = self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def _read(self):
        magic, version, n_entries, sector = SUPER.unpack(self._file.read(SUPER.size))
        if (magic, version, sector) != (MAGIC, VERSION, SECTOR):
            raise SpratError("this is no log of dm-log-writes")
        entries, at = [], SECTOR
        mark = b""
        for _ in range(n_entries):
            self._file.seek(at)
            header = self._file.read(SECTOR)
            if len(header) != SECTOR:
                raise SpratError("the log of writes ends in the middle")
            first, count, flags, mark_bytes = ENTRY.unpack_from(header)
            at += SECTOR
            mark = header[ENTRY.size : ENTRY.size + mark_bytes] if flags & MARK else b""
            if not flags & MARK:
                entries.append(Entry(flags, first * SECTOR, count * SECTOR, at))
            if not flags & (DISCARD | MARK):
                at += count * SECTOR
        if mark != END_MARK:
            raise SpratError("the log of writes is not complete: the disk for it was too small")
        return entries

    def n_writes(self):
        """Return how many entries have data."""
        return sum(entry.length > 0 for entry in self.entries)

    def n_volatile(self):
        """Return how many of these a cache may still have lost at the log's end."""
        return sum(entry.length > 0 for entry in self.entries[last_flush(self.entries) :]
                   if not entry.flags & FUA)  # fmt: skip

    def apply(self, image, n_entries, chance, keep, unit=SECTOR):
        """Bring a disk to a state that the first entries, and the loss of the cache, can leave.

        @param image   the disk's file as it was when the log began
        @param chance  a random.Random
        @param keep    how likely a part of a write that nobody flushed is on the disk: 0 to 1
        @param unit    the parts' size: what the disk writes as a whole
        """
        entries = self.entries[:n_entries]
        n_flushed = last_flush(entries)
        disk = os.open(image, os.O_WRONLY | os.O_CLOEXEC)
        try:
            for i, entry in enumerate(entries):
                data = bytes(entry.length) if entry.flags & DISCARD else self._data_of(entry)
                if i < n_flushed or entry.flags & FUA:
                    write_all(disk, data, entry.offset)
                    continue
                for start in range(0, entry.length, unit):
                    if chance.random() < keep:
                        write_all(disk, data[start : start + unit], entry.offset + start)
        finally:
            os.close(disk)

    def _data_of(self, entry):
        self._file.seek(entry.at)
        data = self._file.read(entry.length)
        if len(data) != entry.length:
            raise SpratError("the log of writes ends in the middle")
        return data


def last_flush(entries):
    """Return how many entries are before the last flush. What it has of its own is behind it."""
    return max((i for i, entry in enumerate(entries) if entry.flags & FLUSH), default=0)


def write_all(file, data, offset):
    """Write all of it."""
    view = memoryview(data)
    while view:
        n = os.pwrite(file, view, offset)
        view, offset = view[n:], offset + n
