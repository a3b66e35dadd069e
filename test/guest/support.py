# SPDX-License-Identifier: BSD-2-Clause
"""What tests of guests share: commands on this machine and in the lab's dom0."""

import difflib
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SPRAT_BUILD", ROOT / "build"))

sys.path.insert(0, str(ROOT / "scripts"))

from spratlib import debtree  # noqa: E402  # pylint: disable=wrong-import-position

TIMEOUT_S = 240  # of one command: machines are emulated, and shared


def sprat(*words, stdin=None):
    """Run scripts/sprat; return the finished process, with its output as text."""
    return subprocess.run([ROOT / "scripts/sprat", *map(str, words)], text=True, check=False,
                          input=stdin, capture_output=True, timeout=TIMEOUT_S)  # fmt: skip


def dom0(command):
    """Run a shell command in dom0; return its output. Raises CalledProcessError."""
    done = sprat("lab", "exec", "--", "sh", "-c", command)
    done.check_returncode()
    return done.stdout


def eventually(what, seconds=120):
    """Wait until what() is true; return its value. dom0 tells nobody of some of these things."""
    end = time.monotonic() + seconds
    while not (value := what()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(0.2)
    return value


def create(image, name, arguments, memory=1, paused=False):
    """Start a guest with plain xl create."""
    words = ["xl", "create", "-q", "-e", *(["-p"] if paused else []),
             f"{BUILD}/examples/{image}.cfg", f'name="{name}"', f"memory={memory}",
             f'extra="{arguments}"']  # fmt: skip
    dom0(shlex.join(words))


def console(name):
    """Return what a guest has said so far."""
    return dom0(f"cat /var/log/xen/console/guest-{name}.log 2>/dev/null || true")


def cpu_ns(name):
    """Return the CPU time that Xen accounts to a guest, in ns."""
    return int(re.search(r"cpu-ns (\d+)", dom0(f"lab-dominfo $(xl domid {name})"))[1])


def bring(place, packages, programs):
    """Put programs of Debian packages into a folder of dom0; return what a command begins with."""
    tree = debtree.make(packages, lambda line: print(line, file=sys.stderr))
    with tempfile.TemporaryDirectory(dir=BUILD) as stage:
        for name, path in debtree.alone(tree, programs).items():
            shutil.copy(path, pathlib.Path(stage, name))
        dom0(f"rm -rf {place}; cp -r {shlex.quote(stage)} {place} && chmod 755 {place}/*")
    return f"{place}/{debtree.LOADER} --library-path {place} {place}/"


class Transcripts(unittest.TestCase):
    """What one program says in a guest and on Linux."""

    def compare(self, name, guest, linux):
        """Both are the same, line by line."""
        guest, linux = guest.splitlines(), linux.splitlines()
        difference = difflib.unified_diff(linux, guest, "Linux", "guest", n=3, lineterm="")
        self.assertEqual(guest, linux, "\n".join([name, *list(difference)[:60]]))

    @classmethod
    def main(cls):
        """Run this class' test, with the seeds and calls that the command line names."""
        if len(sys.argv) > 1:
            cls.seeds = [int(seed) for seed in sys.argv[1].split(",")]
        if len(sys.argv) > 2:
            cls.calls = int(sys.argv[2])
        unittest.main(argv=sys.argv[:1])
