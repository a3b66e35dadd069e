# SPDX-License-Identifier: BSD-2-Clause
"""A fleet in a lab, from `plan` to `down`: interrupted, replaced, rolled back."""

import json
import os
import pathlib
import re
import shutil
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

import support
from spratlib import paths

COUNT = 4
MANY = 30
SLOW = ("--timeout", "120")
CTL = paths.build_folder() / "toolstack/spratctl"


class FleetTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = support.use_any_lab()
        cls.scratch = support.scratch_folder()

    def setUp(self):
        self.name = f"fleet{os.getpid()}-{self.id().rsplit('.', 1)[1][5:25].strip('_')}"
        self.folder = paths.build_folder() / "fleet" / self.name
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def tearDown(self):
        self.dom0(f"{CTL} stop --destroy 2>/dev/null || true")
        self.assertEqual(self.running(), {})
        self.assertEqual(self.dom0(f"xenstore-ls -f | grep {self.name} || true"), "")

    def dom0(self, command):
        """Run a shell command in dom0; return its output."""
        return self.lab.output_of(["sh", "-c", command], timeout_s=support.TIMEOUT_S)

    def fleet(self, action, *words, fails=False):
        """Give a fleet command; return all that it says. fails: None, it may."""
        done = support.sprat("fleet", action, self.name, *words)
        said = done.stdout + done.stderr
        if fails is not None:
            self.assertEqual(done.returncode != 0, fails, said)
        return said

    def cfg_of(self, guest, cmdline):
        """Return a cfg like a guest's, with a command line."""
        text = (paths.build_folder() / guest).read_text()
        path = self.scratch / f"{pathlib.Path(guest).stem}-{cmdline}.cfg"
        path.write_text(re.sub("(?m)^extra = .*$", f'extra = "{cmdline}"', text))
        return str(path)

    def plan(self, *words, count=COUNT):
        self.fleet("plan", "--cfg", self.cfg_of("examples/hello.cfg", "stay"),
                   "--count", str(count), "--ready", "from Sprat", *words)  # fmt: skip

    def running(self):
        """Return {name: domain} of what Xen runs of this fleet, by its last part."""
        lines = self.dom0(f"xl list | grep ^{self.name}- || true").splitlines()
        return {line.split()[0].rpartition("-")[2]: int(line.split()[1]) for line in lines}

    def consoles(self):
        """Return {last part of the name: console} of all guests."""
        numbers = sorted(self.running())
        names = " ".join(f"{self.name}-{number}" for number in numbers)
        answers = self.dom0(f"{CTL} --json log {names}").splitlines()
        return {number: json.loads(line)["console"] for number, line in zip(numbers, answers)}

    def cfgs(self):
        """Return {file: text} of the cfg files."""
        return {path.name: path.read_text() for path in self.folder.glob("*.cfg")}

    def numbers(self, first, last):
        return {str(number) for number in range(first, last + 1)}

    def until(self, text, number, *words):
        """Start a fleet command, and send it a signal when it has said `text`."""
        process = support.start("fleet", words[0], self.name, *words[1:])
        support.read_until(process, text)
        process.send_signal(number)
        said = process.stdout.read().decode()
        process.stdout.close()
        self.assertNotEqual(process.wait(support.TIMEOUT_S), 0)
        return said

    def test_up_scale_and_down(self):
        self.plan()
        self.assertIn(f"0 of {COUNT} guests run", self.fleet("status", fails=True))
        self.assertIn(f"{COUNT} guests started", self.fleet("up", *SLOW))
        first = self.running()
        self.assertEqual(first.keys(), self.numbers(1, COUNT))
        self.assertIn(f"{COUNT} of {COUNT} guests run", self.fleet("status"))
        self.assertIn(f"0 guests started, {COUNT} were", self.fleet("up", *SLOW))
        own = self.folder / f"{self.name}-2.cfg"
        own.write_text(own.read_text() + "# by hand\n")
        self.assertIn("1 guests started", self.fleet("scale", str(COUNT + 1), *SLOW))
        self.assertIn("1 not of their cfg file", self.fleet("status"))
        self.assertIn("2 guests ended", self.fleet("scale", "3"))
        self.assertEqual(self.running(), {number: first[number] for number in "123"})
        self.assertIn("# by hand", own.read_text())
        # One that is gone comes back, and one of another's is left alone.
        self.dom0(f"xl destroy {self.name}-2; xl destroy {self.name}-3;"
                  f" xl create -q -e {self.folder}/{self.name}-3.cfg")  # fmt: skip
        self.assertIn("1 made by another", self.fleet("status", fails=True))
        self.assertIn("1 guests started", self.fleet("up", *SLOW))
        self.assertIn("2 of its guests are there", self.fleet("remove", fails=True))
        self.fleet("down")
        self.assertEqual(self.running().keys(), {"3"})
        self.dom0(f"xl destroy {self.name}-3")
        self.assertIn(f"{self.name} ", support.sprat("fleet", "list").stdout)
        self.fleet("remove")
        self.assertNotIn(f"{self.name} ", support.sprat("fleet", "list").stdout)

    def assert_all_run(self, greeting):
        self.assertIn(f"{COUNT} of {COUNT} guests run", self.fleet("status"))
        for console in self.consoles().values():
            self.assertIn(f"{greeting} from Sprat", console)

    def replace(self, how, *words):
        """Return the words of a replace by an image of which the third guest does this."""
        return ("replace", "--cfg", self.cfg_of("test/guest/test-picky.cfg", how), *SLOW, *words)

    def test_a_bad_image_is_taken_back_from_all(self):
        self.plan()
        self.fleet("up", *SLOW)
        before = self.cfgs()
        said = self.fleet(*self.replace("fails", "--parallel", "2"), fails=True)
        self.assertIn(f"2 of {COUNT} guests replaced", said)
        self.assertIn("ended before it was ready", said)
        self.assertIn("all run the old image", said)
        self.assertEqual(before, self.cfgs())
        self.assert_all_run("Hello")

    def test_a_replace_that_was_interrupted_goes_on_or_back(self):
        self.plan()
        self.fleet("up", *SLOW)
        # It waits for the third guest when it is killed, and again when it is interrupted.
        silent = self.replace("silent", "--parallel", "1")
        self.until(f"2 of {COUNT} guests replaced", signal.SIGKILL, *silent)
        self.assertIn("a replace was interrupted", self.fleet("status", fails=None).lower())
        self.assertIn("was interrupted", self.fleet("scale", "2", fails=True))
        first = self.running()
        said = self.until("2 of 4 guests are of the new image already", signal.SIGINT, *silent)
        self.assertIn("to go on, give the command again", said)
        for number in "12":
            self.assertEqual(self.running()[number], first[number])
        self.assertIn("all run the old image", self.fleet("replace", "--back", *SLOW))
        self.assert_all_run("Hello")
        self.fleet(*self.replace("works"))
        self.assert_all_run("Picky,")
        self.assertFalse((self.folder / "before").exists())
        self.assertEqual(len(list((self.folder / "images").iterdir())), 1)

    def test_up_and_down_go_on_where_they_were_interrupted(self):
        self.plan(count=MANY)
        self.until("25 guests are up", signal.SIGKILL, "up", "--parallel", "4", *SLOW)
        self.fleet("up", *SLOW)
        self.assertEqual(self.running().keys(), self.numbers(1, MANY))
        said = self.until(f"10 of {MANY} ended", signal.SIGINT, "down", "--parallel", "10")
        self.assertIn("to go on, give the command again", said)
        left = self.running().keys()  # the first ones: the last is ended first
        self.assertIn(left, [self.numbers(1, last) for last in range(MANY - 9)])
        self.fleet("down", "--now", "--parallel", str(MANY))

    def test_what_fails_is_started_again_and_told(self):
        self.fleet("plan", "--cfg", "hello", "--count", "1", "--restart")
        self.fleet("up", fails=None)
        while not (count := re.search(r"soon after its start, (\d+) times",
                                      self.fleet("status", fails=None))) or int(count[1]) < 3:
            pass  # CTest's time limit ends it
        self.fleet("down")

    def test_too_many_are_refused_before_any_is_started(self):
        self.plan("--memory", "1024", count=200)
        self.assertRegex(self.fleet("up", fails=True), r"200 more guests do not fit.*takes \d")
        self.assertRegex(self.fleet("scale", "300", fails=True), r"300 more guests do not fit")
        self.assertIn("0 of 200", self.fleet("status", fails=True))


if __name__ == "__main__":
    unittest.main()
