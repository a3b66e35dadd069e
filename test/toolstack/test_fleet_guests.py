# SPDX-License-Identifier: BSD-2-Clause
"""Fleet commands, with a launcher that is played: what they ask of it, and what they make of what
it says."""

import argparse
import contextlib
import io
import os
import pathlib
import signal
import tempfile
import types
import unittest
import unittest.mock
import zlib

from spratlib import agent, fleet, fleet_guests, fleet_plan, guest_cfg, lab_cli, launcher
from spratlib.errors import SpratError, UsageError

CFG = 'name = "hello"\nkernel = "hello.xen"\nmemory = 1\nextra = ""\n'


class Played:
    """In place of the launcher: guests that run at once, but for those that the test names."""

    def __init__(self):
        self.there = {}
        self.others = []
        self.asked = []
        self.broken, self.deaf, self.stubborn, self.mute = set(), set(), set(), set()
        self.room = 1000

    def start(self):
        return False

    def listing(self):
        return {"guests": list(self.there.values()), "others": self.others}

    def guests(self):
        return dict(self.there)

    def create(self, path):
        settings = guest_cfg.parse(path.read_text())
        name = settings["name"]
        if name in self.there or name in self.others:
            return {"ok": False, "error": f"there is a guest {name} already"}
        if name in self.broken:
            return {"ok": False, "error": f"{name} is broken"}
        self.there[name] = {"name": name, "uuid": settings["uuid"], "state": "running",
                            "restarts": 0, "ready": name not in self.mute,
                            "config_crc": zlib.crc32(path.read_bytes())}  # fmt: skip
        return {"ok": True}

    def end(self, name):
        if name not in self.deaf:
            self.there.pop(name, None)
        return {"ok": name not in self.deaf, "error": f"{name} stays"}

    def destroy(self, name):
        if name in self.stubborn:
            return {"ok": False, "error": f"{name} cannot go"}
        self.there.pop(name)
        return {"ok": True}

    def wait(self, name):
        return {"ok": name not in self.mute, "error": f"{name} says nothing"}

    def ask(self, command, words=(), on_answer=None):
        self.asked.append((command, [str(getattr(word, "stem", word)) for word in words]))
        op = command.split()[0]
        if op == "fits":
            return [{"ok": self.room is not None, "count": self.room, "error": "no such image"}]
        if op == "shutdown":
            return [{"ok": True} for _ in words]
        act = {"create": self.create, "destroy": self.destroy,
               "wait": self.end if "--end" in command else self.wait}[op]  # fmt: skip
        answers = []
        for word in words:
            answers.append(act(word))
            if on_answer:
                on_answer()
        return answers


class FleetTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = pathlib.Path(folder.name).resolve()
        self.cfg = self.build / "hello.cfg"
        self.cfg.write_text(CFG)
        (self.build / "hello.xen").write_bytes(b"an image")
        self.played = Played()
        self.said = []
        for patch in (
            unittest.mock.patch.dict(os.environ, {"SPRAT_BUILD": folder.name}),
            unittest.mock.patch.object(fleet, "Launcher", lambda tools: self.played),
            unittest.mock.patch.object(fleet, "tools_for", lambda args: contextlib.nullcontext()),
            unittest.mock.patch.object(lab_cli, "report", self.said.append),
        ):
            patch.start()
            self.addCleanup(patch.stop)

    def give(self, action, *words, name="web"):
        """Give a command; return its exit code and what it printed."""
        parser = argparse.ArgumentParser()
        fleet.add_arguments(parser)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            code = fleet.main(parser.parse_args([action, name, *map(str, words)]))
        return code, out.getvalue()

    def refused(self, reason, action, *words, name="web"):
        with self.assertRaisesRegex(SpratError, reason) as caught:
            self.give(action, *words, name=name)
        return str(caught.exception)

    def plan(self, count=3, *words, name="web"):
        return self.give("plan", "--cfg", self.cfg, "--count", count, *words, name=name)

    def folder(self, name="web"):
        return self.build / "fleet" / name

    def asked(self, op):
        return [words for command, words in self.played.asked if command.split()[0] == op]

    def change_image(self):
        (self.build / "hello.xen").write_bytes(b"another image")
        return ("--cfg", self.cfg)

    def test_up_starts_what_is_not_there(self):
        self.plan()
        self.assertEqual(self.give("up"), (0, "3 guests started, 0 were there already\n"))
        self.assertEqual(self.asked("create"), [["web-1", "web-2", "web-3"]])
        del self.played.there["web-2"]
        self.assertEqual(self.give("up"), (0, "1 guests started, 2 were there already\n"))
        self.assertEqual(self.asked("create")[1:], [["web-2"]])
        self.assertEqual(self.give("up"), (0, "0 guests started, 3 were there already\n"))
        self.assertEqual(len(self.asked("create")), 2)

    def test_without_a_text_none_waits(self):
        self.plan(2)
        self.played.mute = {"web-1"}
        self.give("up")
        self.give("up")
        self.assertEqual(self.asked("wait"), [])

    def test_one_that_ended_at_once_is_told(self):
        self.plan(2)
        ask = self.played.ask

        def forgetful(command, words=(), on_answer=None):
            answers = ask(command, words, on_answer)
            self.played.there.pop("web-2", None)
            return answers

        self.played.ask = forgetful
        self.refused("1 guests do not run:\n  web-2 has ended again", "up")

    def test_progress_is_told(self):
        self.plan(60)
        self.give("up")
        self.assertEqual(self.said, ["25 guests are up", "50 guests are up"])
        self.give("down")
        self.assertEqual(self.said[2:], ["16 of 60 ended", "32 of 60 ended", "48 of 60 ended",
                                         "60 of 60 ended"])  # fmt: skip

    def test_what_does_not_start_is_told_by_its_first_reasons(self):
        self.plan(9)
        self.played.broken = {f"web-{n}" for n in range(1, 8)}
        said = self.refused("7 guests did not start", "up")
        self.assertIn("web-5 is broken", said)
        self.assertNotIn("web-6", said)
        self.assertIn("and 2 more", said)

    def test_one_that_was_there_must_be_ready_too(self):
        self.plan(3, "--ready", "up")
        self.give("up")
        self.assertIn("--ready up", self.played.asked[-1][0])
        self.played.mute = {"web-2"}
        self.played.there["web-2"]["ready"] = False
        self.refused("web-2 says nothing", "up")
        self.assertEqual(self.asked("wait"), [["web-2"]])
        self.played.there["web-2"]["state"] = "suspended"  # it says nothing more
        self.refused("1 guests do not run", "up")
        self.assertEqual(len(self.asked("wait")), 1)

    def test_too_many_are_refused_before_any_is_started(self):
        self.plan(3)
        self.played.room = 2
        self.refused("3 more guests do not fit: .* takes 2", "up")
        last = self.folder() / "web-3.cfg"
        last.write_text(last.read_text().replace("memory = 1", "memory = 2"))
        self.refused("3 more guests do not fit", "up")  # each kind takes its share
        self.assertEqual(self.asked("fits")[1:], [["web-1"], ["web-3"]])
        self.refused("do not fit", "scale", 9)
        self.assertEqual(len(list(self.folder().glob("*.cfg"))), 3)
        last.unlink()
        self.plan(3)
        self.played.room = 0
        self.refused("3 more guests do not fit: .* takes 0", "up")
        self.played.room = None
        self.refused("no such image", "up")
        self.assertEqual(self.asked("create"), [])

    def test_down_asks_the_last_ones_first_and_destroys_the_deaf(self):
        self.plan(4)
        self.give("up")
        self.played.deaf = {"web-3"}
        self.assertEqual(self.give("down", "--parallel", 2), (0, "4 guests ended\n"))
        self.assertEqual(self.asked("shutdown"), [["web-4", "web-3"], ["web-2", "web-1"]])
        self.assertEqual(self.asked("destroy"), [["web-3"]])
        self.give("up")
        self.played.stubborn = {"web-1"}
        self.refused("1 guests cannot be destroyed:\n  web-1 cannot go", "down", "--now")
        self.assertEqual(len(self.asked("shutdown")), 2)

    def test_one_that_does_not_run_is_not_asked(self):
        self.plan(2)
        self.give("up")
        self.played.there["web-1"]["state"] = "suspended"
        self.give("down")
        self.assertEqual(self.asked("shutdown"), [["web-2"]])
        self.assertEqual(self.asked("destroy"), [["web-1"]])

    def test_status_tells_who_is_not_as_planned(self):
        self.plan(6)
        self.give("up")
        self.assertEqual(self.give("status"), (0, "6 of 6 guests run\n"))
        there = self.played.there
        del there["web-1"]
        there["web-2"]["state"] = "ended"
        there["web-3"] |= {"state": "waiting", "restarts": 4, "trouble": "no memory"}
        there["web-4"]["state"] = "suspended"
        there["web-5"]["config_crc"] = 7
        there["web-6"]["restarts"] = 2
        there["web-9"] = {**there["web-6"], "name": "web-9",
                          "uuid": fleet_plan.uuid_of("web", "web-9")}  # fmt: skip
        code, said = self.give("status")
        self.assertEqual(code, 1)
        for words in ("2 of 6 guests run", "1 absent: web-1", "web-2 .* is kept, as its cfg says",
                      "web-3 .* 4 times now; waits: no memory", "web-4 .* is suspended",
                      "1 not of their cfg file: .*: web-5", "web-6 .* 2 times now\n",
                      "1 not planned: .*: web-9"):  # fmt: skip
            self.assertRegex(said, words)
        self.refused("web-3 ends soon", "up")

    def test_many_names_are_cut_short(self):
        self.plan(30)
        self.assertIn("web-20 and 10 more (--all)", self.give("status")[1])
        self.assertIn("web-30\n", self.give("status", "--all")[1])

    def test_domains_of_others_are_left_alone(self):
        self.plan(3)
        self.played.others = ["web-1", "elsewhere"]
        self.played.there["web-2"] = {"name": "web-2", "uuid": "another", "state": "running",
                                      "restarts": 0, "ready": True, "config_crc": 1}  # fmt: skip
        self.give("up")
        self.assertEqual(self.asked("create"), [["web-3"]])
        code, said = self.give("status")
        self.assertEqual(code, 0)
        self.assertRegex(said, "2 made by another: .*: web-1 web-2\n")
        self.refused("2 names are taken by domains", "replace", *self.change_image())
        self.refused("no replace of this fleet was interrupted", "replace", "--back")
        self.give("down")
        self.assertEqual(list(self.played.there), ["web-2"])

    def test_scale_ends_what_is_too_many_and_keeps_what_was_changed(self):
        self.plan(2)
        own = self.folder() / "web-2.cfg"
        own.write_text(own.read_text() + "# mine\n")
        self.give("scale", 4)
        self.assertEqual(sorted(self.played.there), ["web-1", "web-2", "web-3", "web-4"])
        self.assertIn("# mine", own.read_text())
        self.assertIn("3 guests ended", self.give("scale", 1)[1])
        self.assertEqual(list(self.played.there), ["web-1"])
        self.assertEqual([path.stem for path in self.folder().glob("*.cfg")], ["web-1"])

    def test_replace_goes_in_batches(self):
        self.plan(3, "--ready", "old")
        self.give("up")
        code, said = self.give("replace", "--parallel", 2, *self.change_image())
        self.assertEqual((code, said), (0, "3 guests replaced\n"))
        self.assertEqual(self.asked("create")[1:], [["web-1", "web-2"], ["web-3"]])
        self.assertFalse((self.folder() / "before").exists())
        self.assertEqual(len(list((self.folder() / "images").iterdir())), 1)
        self.assertEqual(self.give("replace", *self.change_image())[1], "0 guests replaced\n")

    def test_an_image_that_fails_is_taken_back(self):
        self.plan(4)
        self.give("up")
        before = {path.name: path.read_text() for path in self.folder().glob("*.cfg")}
        create = self.played.create

        def picky(path):
            if path.stem == "web-3" and path.read_text() != before[path.name]:
                return {"ok": False, "error": "it is not ready in time"}
            return create(path)

        self.played.create = picky
        said = self.refused("the new image does not work", "replace", "--parallel", 2,
                            *self.change_image())  # fmt: skip
        self.assertIn("it is not ready in time", said)
        self.assertIn("4 guests were given back what they had", said)
        after = {path.name: path.read_text() for path in self.folder().glob("*.cfg")}
        self.assertEqual(after, before)
        self.assertEqual(self.give("status"), (0, "4 of 4 guests run\n"))
        self.assertTrue(any("no --ready text" in line for line in self.said))

    def test_one_that_was_interrupted_goes_on_or_back(self):
        self.plan(3)
        self.give("up")
        ask, n = self.played.ask, 0

        def interrupted(command, words=(), on_answer=None):
            nonlocal n
            n += command.startswith("create")
            if command.startswith("create") and n == 2:
                raise KeyboardInterrupt
            return ask(command, words, on_answer)

        for end in ("back", "on"):
            self.played.ask, n = interrupted, 0
            with self.assertRaises(KeyboardInterrupt):
                self.give("replace", "--parallel", 1, *self.change_image())
            self.played.ask = ask
            self.assertTrue(any("interrupted" in line for line in self.said))
            self.assertIn("A replace was interrupted", self.give("status")[1])
            self.refused("was interrupted; first go on", "scale", 5)
            self.refused("was interrupted; first go on", "plan", "--cfg", self.cfg, "--count", 3)
            if end == "back":
                self.assertIn("2 guests were given back", self.give("replace", "--back")[1])
            else:
                self.assertIn("2 guests replaced", self.give("replace", *self.change_image())[1])
                self.assertTrue(any("1 of 3 guests are of the new" in line for line in self.said))
            self.assertEqual(self.give("status"), (0, "3 of 3 guests run\n"))
        self.refused("no replace of this fleet was interrupted", "replace", "--back")

    def test_a_rollback_that_fails_says_so(self):
        self.plan(2)
        self.give("up")
        self.played.broken = {"web-1"}
        said = self.refused("the new image does not work", "replace", *self.change_image())
        self.assertIn("1 guests do not start as they were before, either:\nweb-1 is broken", said)

    def test_a_fleet_that_runs_is_not_forgotten(self):
        self.plan(1)
        self.give("up")
        self.refused("1 of its guests are there", "remove")
        self.give("down")
        self.give("remove")
        self.assertFalse(self.folder().exists())
        self.refused("there is no fleet web", "up")

    def test_two_commands_do_not_work_on_one_fleet(self):
        self.plan(1)
        with fleet.alone(self.folder()):
            self.refused("another command works on the fleet web", "up")
            self.assertEqual(self.give("status")[0], 1)  # it only looks

    def test_a_name_that_is_no_folders_is_refused(self):
        for name in ("", "../x", "a/b", ".", "x" * 41):
            with self.assertRaisesRegex(UsageError, "cannot name a fleet"):
                self.give("status", name=name)

    def test_fleets_are_listed(self):
        self.plan(1)
        self.plan(2, name="app")
        with contextlib.redirect_stdout(io.StringIO()) as out:
            fleet.list_fleets(None)
        self.assertRegex(out.getvalue(), r"app +2 guests of .*hello.cfg\nweb +1 guests of")


class LauncherTest(unittest.TestCase):
    """What spratctl's answers are made of."""

    def setUp(self):
        self.results, self.commands = [], []
        self.launcher = launcher.Launcher(types.SimpleNamespace(run=self.run_there, name="dom0"))

    def run_there(self, argv, output):
        self.commands.append(argv[-1])
        code, out, complaint = self.results.pop(0)
        output(agent.STDOUT, out.encode())
        output(agent.STDERR, complaint.encode())
        return code

    def test_answers_are_one_a_word(self):
        self.results = [(1, '{"ok":true}\n{"ok":false}\n', "")]
        counted = []
        answers = self.launcher.ask("create", ["a b", "c'd"], lambda: counted.append(1))
        self.assertEqual([answer["ok"] for answer in answers], [True, False])
        self.assertEqual(len(counted), 2)
        self.assertTrue(self.commands[0].endswith("--json create 'a b' 'c'\\''d'"))

    def test_many_words_are_given_in_turns(self):
        self.results = [(0, '{"ok":true}\n' * 200, ""), (0, '{"ok":true}\n', "")]
        self.assertEqual(len(self.launcher.ask("destroy", range(201))), 201)

    def test_one_that_ended_amid_its_answers_is_told(self):
        self.results = [(1, '{"ok":true}\n', "it is gone")]
        with self.assertRaisesRegex(SpratError, "ended amid its answers: it is gone"):
            self.launcher.ask("create", ["a", "b"])

    def test_one_that_does_not_answer_is_told(self):
        for out in ("", "no JSON\n", '{"ok":tr'):
            self.results = [(1, out, "no socket")]
            with self.assertRaisesRegex(SpratError, "does not answer: no socket"):
                self.launcher.listing()

    def test_guests_are_found_by_name(self):
        self.results = [(0, '{"guests":[{"name":"a","state":"running"}],"others":["b"]}\n', "")]
        self.assertEqual(self.launcher.guests()["a"]["state"], "running")

    def test_an_interrupt_is_one_here_too(self):
        for code in (128 + signal.SIGINT, 128 + signal.SIGTERM):
            self.results = [(code, "", "")]
            with self.assertRaises(KeyboardInterrupt):
                self.launcher.shell("spratctl list")

    def test_it_is_started_once(self):
        self.results = [(0, "", "")]
        self.assertFalse(self.launcher.start())
        self.results = [(1, "", ""), (0, "", "")]
        self.assertTrue(self.launcher.start())
        self.results = [(1, "", ""), (1, "", "")]
        with self.assertRaisesRegex(SpratError, "spratd does not start; .* in dom0 says why"):
            self.launcher.start()


if __name__ == "__main__":
    unittest.main()
