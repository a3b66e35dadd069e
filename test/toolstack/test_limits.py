# SPDX-License-Identifier: BSD-2-Clause
"""The launcher when something runs out, or it is killed: it says so, and nothing is left over."""

import unittest

from launcher_case import READY, LauncherCase
from spratlib import paths

LITTLE = 64  # descriptors: the least that Linux takes for /proc/sys/fs/nr_open
BATCH = LITTLE  # at once before all else: Xen keeps pages for as many event channels


class LimitsTest(LauncherCase):
    warm = False

    def setUp(self):
        super().setUp()
        if not LimitsTest.warm:
            self.create(self.cfg, "--count", str(BATCH), "--name", "warm")
            self.ctl("destroy", "--all")
            LimitsTest.warm = True
        self.before = self.counts()

    def set_limit(self, path, value):
        """Set one of the kernel's limits for the time of a test."""
        old = self.dom0(f"cat {path}").strip()
        self.addCleanup(self.dom0, f"echo {old} >{path}")
        self.dom0(f"echo {value} >{path}")

    def create_until(self, reason, *words):
        """Create more guests than there is room for; return how many run. The others are told why,
        and the daemon goes on."""
        answers = [answer for answer in self.ctl("create", "--ready", READY, *words, self.cfg)
                   if "count" not in answer]  # fmt: skip
        failed = [answer["error"] for answer in answers if not answer["ok"]]
        self.assertTrue(failed)
        for error in failed:
            self.assertIn(reason, error)
        running = len(answers) - len(failed)
        self.assertEqual(len(self.ctl("list")[0]["guests"]), running)
        return running

    def assert_all_as_before(self):
        self.ctl("destroy", "--all")
        self.assertEqual(self.counts(), self.before)
        self.create(self.cfg, "--name", "again")

    def test_no_terminal_left(self):
        there = int(self.dom0("cat /proc/sys/kernel/pty/nr"))
        self.set_limit("/proc/sys/kernel/pty/max", there + 4)  # that many are too many
        running = self.create_until("pty/max is reached", "--count", "5", "--name", "terminal")
        self.assertEqual(running, 3)
        self.ctl("destroy", "--all")
        self.set_limit("/proc/sys/kernel/pty/max", there + BATCH)
        self.assert_all_as_before()

    def test_no_descriptor_left(self):
        self.ctl("stop")
        self.set_limit("/proc/sys/fs/nr_open", LITTLE)
        self.start(limit=LITTLE)
        running = self.create_until("Too many open files", "--count", str(LITTLE), "--name", "fd")
        self.assertGreater(running, LITTLE // 2)
        self.ctl("stop", "--destroy")
        self.start()
        self.assert_all_as_before()

    def test_xens_memory_ends_amid_a_batch(self):
        """Each asks for two fifths of it: for the third one Xen has half."""
        mib = self.before[0] // 1024 * 2 // 5
        cfgs = [self.write(name, extra="stay", name=name, memory=mib)
                for name in (f"large-{number}" for number in range(4))]  # fmt: skip
        answers = self.ctl("create", "--ready", READY, *cfgs)
        self.assertEqual([answer["ok"] for answer in answers].count(True), 2, answers)
        for answer in answers:
            if not answer["ok"]:
                self.assertIn("Xen is out of memory", answer["error"])
                self.assertIn("guest large-", answer["error"])
        self.assertEqual(self.guests(), ["large-0", "large-1"])
        self.assert_all_as_before()

    def test_killed_amid_creations_again_and_again(self):
        """Whatever it was at, the next one takes over those that run and removes the rest."""
        for number in range(3):
            name = f"killed{number}"
            self.dom0(
                f"{self.programs}/spratctl --json create --count {BATCH} --name {name} {self.cfg}"
                f" >/tmp/created 2>/tmp/lost & ctl=$!; until [ $(wc -l </tmp/created)"
                f" -gt {1 + 10 * number} ]; do :; done; kill -9 {self.spratd}; wait $ctl; true"
            )
            self.start()
            listed = {guest["name"] for guest in self.ctl("list")[0]["guests"]}
            self.assertEqual(set(self.guests()), listed)
            self.assertGreater(len(listed), 10 * number)
            answers = self.ctl("wait", "--ready", READY, "--all")
            self.assertTrue(all(answer["ok"] for answer in answers), answers)
            self.ctl("destroy", "--all")
            free, nodes, _, channels = self.counts()
            self.assertEqual((free, nodes, channels), (self.before[0], *self.before[1:4:2]))

    def test_a_guests_quota_of_xenstore(self):
        """Whoever serves its xenstore, a guest is told that it has had enough, and goes on."""
        cfg = paths.build_folder() / "test/guest/test-xenstore.cfg"
        for option in ("", "--introduce"):
            self.ctl("stop")
            self.start(option)
            answer = self.ctl("create", "--ready", "all passed", "--timeout", "120", str(cfg))[0]
            self.assertTrue(answer["ok"], answer)
            self.assert_soon(lambda: self.ctl("list")[0]["guests"] == [])


if __name__ == "__main__":
    unittest.main()
