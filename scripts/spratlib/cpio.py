# SPDX-License-Identifier: BSD-2-Clause
"""A writer of cpio archives ("newc"), as Linux wants its initramfs.

All entries belong to root and carry the same time, so equal contents give equal archives, and no
root is needed to make one. Source: Linux, driver-api/early-userspace/buffer-format.rst.
"""

import stat

MTIME = 1767225600  # 2026-01-01 00:00:00 UTC


class Writer:
    """Writes one archive to a binary file object. Parent directories are made as needed."""

    def __init__(self, file):
        self._file = file
        self._inode = 0
        self._seen = set()

    def directory(self, path, mode=0o755):
        """Add a directory, with its parents; nothing happens if it is there."""
        if path in self._seen:
            return
        self._entry(path, stat.S_IFDIR | mode, b"")

    def file(self, path, data, mode=0o644):
        """Add a regular file with `data` (bytes)."""
        self._entry(path, stat.S_IFREG | mode, data)

    def symlink(self, path, target):
        """Add a symbolic link."""
        self._entry(path, stat.S_IFLNK | 0o777, target.encode())

    def device(self, path, major, minor, mode=0o600):
        """Add a character device."""
        self._entry(path, stat.S_IFCHR | mode, b"", (major, minor))

    def close(self):
        """Write the archive's end. The file stays open and ends on a multiple of 4 bytes."""
        self._inode = 0
        self._write("TRAILER!!!", 0, b"", (0, 0))

    def _entry(self, path, mode, data, device=(0, 0)):
        path = path.strip("/")
        if path in self._seen:
            raise ValueError(f"{path} is in the archive already")
        parent = path.rpartition("/")[0]
        if parent:
            self.directory(parent)
        self._seen.add(path)
        self._inode += 1
        self._write(path, mode, data, device)

    def _write(self, path, mode, data, device):
        name = path.encode() + b"\0"
        fields = (
            self._inode,
            mode,
            0,  # uid
            0,  # gid
            2 if stat.S_ISDIR(mode) else 1,  # links
            MTIME,
            len(data),
            0,  # major, minor of the file system
            0,
            *device,
            len(name),
            0,  # check: none in "newc"
        )
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        self._file.write(header + b"\0" * (-len(header) % 4))
        self._file.write(data + b"\0" * (-len(data) % 4))
