# SPDX-License-Identifier: BSD-2-Clause
"""What tests of the launcher in a lab share: the daemon, guests like hello, what there is."""

import json
import pathlib
import re
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

import support
from spratlib import paths

READY = "from Sprat"
SOON_S = 120
TIMEOUT_S = 180  # of a command in dom0
STEADY = 5  # looks that see the same


class LauncherCase(unittest.TestCase):
    maxDiff = None
    @classmethod
    def setUpClass(cls):
        cls.lab = support.use_any_lab()
        build = paths.build_folder()
        cls.programs = build / "toolstack"
        cls.folder = support.scratch_folder()
        cls.text = (build / "examples/hello.cfg").read_text()
        cls.cfg = cls.write("hello", extra="stay")

    @classmethod
    def write(cls, stem, **settings):
        """Write a configuration like hello's with other settings; return its path."""
        text = cls.text
        for key, value in settings.items():
            value = value if isinstance(value, int) else f'"{value}"'
            text = re.sub(rf"(?m)^{key} = .*$", "", text) + f"{key} = {value}\n"
        path = cls.folder / f"{stem}.cfg"
        path.write_text(text)
        return str(path)

    def setUp(self):
        self.start()

    def tearDown(self):
        self.dom0(f"{self.programs}/spratctl stop --destroy")
        self.assertEqual(self.guests(), [])
        own = "grep -E '^/local/domain/([1-9]|0/backend/vif/)' || true"
        self.assertEqual(self.dom0(f"xenstore-ls -f /local/domain | {own}"), "")

    def dom0(self, command):
        """Run a shell command in dom0; return its output."""
        return self.lab.output_of(["sh", "-c", command], timeout_s=TIMEOUT_S)

    def start(self, options="", limit=65536):
        """Start the daemon, with so many descriptors; return when it takes requests. The one before
        may still be on its way out, so that its name finds two: the process is kept."""
        self.spratd = self.dom0(
            f"ulimit -n {limit}; f=/tmp/launcher.ready; rm -f $f; mkfifo $f;"
            f" {self.programs}/spratd {options}"
            " --ready-fd 7 7>$f </dev/null >/tmp/launcher.log 2>&1 & "
            "read line </tmp/launcher.ready; echo $!"
        ).strip()

    def ctl(self, *words):
        """Ask the daemon; return its answers."""
        quoted = " ".join(f"'{word}'" for word in words)
        output = self.dom0(f"{self.programs}/spratctl --json {quoted} || true")
        return [json.loads(line) for line in output.splitlines()]

    def create(self, cfg, *words):
        """Create guests, each seen in main; return the answers."""
        answers = self.ctl("create", "--ready", READY, *words, cfg)
        for answer in answers:
            self.assertTrue(answer["ok"], answer)
        return [answer for answer in answers if "domid" in answer]

    def guests(self):
        """Return the names that xl lists."""
        return [line.split()[0] for line in self.dom0("xl list").splitlines()[2:]]

    def assert_soon(self, condition):
        end = time.monotonic() + SOON_S
        while not condition():
            self.assertLess(time.monotonic(), end, "it does not come to pass")

    def free_kib(self):
        """Return Xen's free memory in KiB."""
        return self.ctl("stats")[0]["xen_free_kib"]

    def settled_free_kib(self):
        """Return it once it stands still: Xen frees the last of a guest when no CPU can use it."""
        last, same = self.free_kib(), 0
        while same < STEADY:
            now = self.free_kib()
            last, same = now, same + 1 if now == last else 0
        return last

    def counts(self):
        """Return what guests could leave behind: Xen's free memory, nodes of xenstore, the daemon's
        descriptors and dom0's event channels."""
        said = self.dom0("xenstore-ls -f /local/domain | wc -l;"
                         f" ls /proc/{self.spratd}/fd | wc -l; lsevtchn 0 | wc -l")  # fmt: skip
        return self.settled_free_kib(), *map(int, said.split())
