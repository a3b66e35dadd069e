# SPDX-License-Identifier: BSD-2-Clause
"""The test programs that are guests themselves, run in the lab that $SPRAT_LAB names."""

import os
import pathlib
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SPRAT_BUILD", ROOT / "build"))
TIMEOUT_S = 120


class Posix(unittest.TestCase):
    """Each prints "all passed" and ends with status 0."""

    def run_guest(self, name, folder="."):
        """Run the guest test-NAME."""
        done = subprocess.run(
            [ROOT / "scripts/sprat", "run", BUILD / f"test/guest/{folder}/test-{name}.cfg"],
            capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("all passed", done.stdout)

    def test_files(self):
        """Descriptors, pipes, poll() and select()."""
        self.run_guest("files")

    def test_rwlocks(self):
        """POSIX read-write locks and barriers."""
        self.run_guest("rwlocks")

    def test_threads(self):
        """POSIX threads."""
        self.run_guest("threads")

    def test_epoll(self):
        """epoll on pipes."""
        self.run_guest("epoll")

    def test_archive(self):
        """The read-only file system."""
        self.run_guest("archive")

    def test_sockets(self):
        """Sockets over the loopback interface."""
        self.run_guest("sockets")

    def test_options(self):
        """Sockets' options, multicast groups among them."""
        self.run_guest("options")

    def test_lwip(self):
        """lwIP's own unit tests, with the guest's options."""
        self.run_guest("lwip", folder="lwip")


if __name__ == "__main__":
    unittest.main()
