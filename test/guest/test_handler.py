# SPDX-License-Identifier: BSD-2-Clause
"""`sprat handler`: calls of a running guest's handlers, and whatever may come in between."""

import pathlib
import signal
import subprocess
import tempfile
import unittest

from support import BUILD, ROOT, TIMEOUT_S, console, create, dom0, eventually, sprat

from spratlib import errors, handler  # support knows where it is

NAME = "handlers-0123abcd"  # as `sprat run` names the guests of handlers.cfg
CONFIG = (
    "FromDevice(eth0) -> c :: Counter -> Discard;"
    "Idle -> q :: Queue(7) -> u :: Unqueue -> d2 :: Discard;"
)
NO_DEVICE = (
    "Idle -> q :: Queue(7) -> Discard;"
    "s :: InfiniteSource(LIMIT 3, ACTIVE false) -> n :: Counter -> Discard;"
)


def call(action, *words, guest="handlers", **more):
    """Run `sprat handler`; return the finished process."""
    return sprat("handler", action, guest, *words, **more)


class Calls(unittest.TestCase):
    """One guest, whose configuration each test leaves as it found it."""

    @classmethod
    def setUpClass(cls):
        create("middlebox", NAME, f"-e \\'{CONFIG}\\'", memory=4)
        cls.addClassCleanup(dom0, f"xl destroy {NAME}")

    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=BUILD)
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name, "new.click")

    def read(self, name):
        """Return what a handler says."""
        done = call("read", name)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def swap(self, text):
        """Swap a configuration in; return the exit code and what was said."""
        self.file.write_text(text)
        done = call("swap", self.file)
        self.assertEqual(done.stdout, "")
        return done.returncode, done.stderr.replace(str(self.file), "FILE")

    def refused(self, action, *words):
        """Return what the guest says to a call that it refuses."""
        done = call(action, *words)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        return done.stderr

    def test_elements_and_handlers_are_listed(self):
        said = call("list").stdout
        self.assertRegex(said, r"(?m)^FromDevice@\d+ :: FromDevice\nc :: Counter$")
        self.assertRegex(call("list", "q").stdout, r"(?m)^capacity rw\nlength r$")
        self.assertRegex(self.read("handlers"), r"hotconfig\tw")

    def test_values_are_written_and_read_back(self):
        for words, value in ((["q.capacity", "123"], 123), (["q.capacity", "--", "7"], 7)):
            done = call("write", *words)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
            self.assertEqual(self.read("q.capacity"), f"{value}\n")
        done = call("write", "q.capacity", "--file", "-", stdin="8")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.read("q.capacity"), "8\n")
        self.assertEqual(call("write", "c.reset").returncode, 0)

    def test_a_guest_is_found_by_its_name_and_its_number_too(self):
        for guest in (NAME, dom0(f"xl domid {NAME}").strip()):
            self.assertEqual(call("read", "d2.class", guest=guest).stdout, "Discard\n")

    def test_what_the_guest_refuses_is_told_with_what_to_do(self):
        self.assertIn("No element named 'nobody.count'; 'sprat handler list GUEST'",
                      self.refused("read", "nobody.count"))
        self.assertIn("No handler named 'c.fnord'; 'sprat handler list GUEST ELEMENT'",
                      self.refused("read", "c.fnord"))
        self.assertIn("No handler named 'fnord'", self.refused("read", "fnord"))
        self.assertIn("Handler read-only: 'c.count'", self.refused("write", "c.count", "1"))
        self.assertIn("Handler write-only: 'c.reset'", self.refused("read", "c.reset"))
        self.assertIn("'many' is not a value for CAPACITY",
                      self.refused("write", "q.capacity", "many"))
        self.assertIn("No element named", self.refused("list", "nobody"))

    def test_a_configuration_with_an_error_is_refused_and_the_old_one_goes_on(self):
        before = self.read("config")
        for text, complaint in (
            ("Idle ->\n  Fnord;", "FILE:2:3: 'Fnord' is neither"),
            ("FromDevice(eth0) -> Discard;\nIdle -> Queue(many) -> Discard;",
             r"FILE:2:15: .*CAPACITY must be a number"),
            ("FromDevice(eth9) -> Discard;", "FILE:1:1: .*no such interface"),
        ):  # fmt: skip
            code, said = self.swap(text)
            self.assertEqual(code, 1)
            self.assertRegex(said, complaint)
        self.assertEqual(self.read("config"), before)
        self.assertEqual(self.read("c.class"), "Counter\n")

    def test_a_warning_is_told_and_the_configuration_taken(self):
        code, said = self.swap(f"{CONFIG}\nIdle -> ToHost;")
        self.assertEqual(code, 0, said)
        self.assertRegex(said, r"FILE:2:9: warning: .*a guest has no host's stack")
        self.assertEqual(self.swap(CONFIG), (0, ""))

    def test_long_configurations_and_answers_go_in_pieces(self):
        lines = "".join(f"c{n} :: Counter; Idle -> c{n} -> Discard;\n" for n in range(200))
        text = f"{CONFIG}\n// {'x' * 150_000}\n{lines}"
        self.assertEqual(self.swap(text), (0, ""))
        self.assertEqual(self.read("config").rstrip(), text.rstrip())
        self.assertIn("c199 :: Counter\n", call("list").stdout)
        self.assertEqual(self.swap(CONFIG), (0, ""))

    def test_an_answer_may_have_any_bytes(self):
        self.assertEqual(self.swap(f"{CONFIG} s :: InfiniteSource(ACTIVE false) -> Discard"),
                         (0, ""))  # fmt: skip
        self.assertEqual(call("write", "s.data", "\\<61 00 62 00>").returncode, 0)
        self.assertEqual(self.read("s.data"), "a\0b\0\n")
        self.assertEqual(self.swap(CONFIG), (0, ""))

    def test_an_answer_longer_than_xenstore_takes_is_told_so(self):
        create("middlebox", "long-answers", f"-e \\'{NO_DEVICE}\\'", memory=24)
        self.addCleanup(dom0, "xl destroy long-answers")
        self.file.write_text(f"{NO_DEVICE}// {'x' * 1_035_000}")  # a guest has 1000 nodes
        done = sprat("handler", "swap", "long-answers", self.file)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = sprat("handler", "read", "long-answers", "config")
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertIn("Answer too long for xenstore", done.stderr)
        self.assertEqual(sprat("handler", "read", "long-answers", "q.class").stdout, "Queue\n")

    def test_those_who_ask_at_once_get_each_his_own_answer(self):
        names = ("c.class", "q.class", "u.class", "d2.class") * 2
        asking = [subprocess.Popen([ROOT / "scripts/sprat", "handler", "read", NAME, name],
                                   stdout=subprocess.PIPE, text=True) for name in names]
        said = [process.communicate(timeout=TIMEOUT_S)[0] for process in asking]
        self.assertEqual(said, ["Counter\n", "Queue\n", "Unqueue\n", "Discard\n"] * 2)

    def test_a_late_answer_to_somebody_else_is_not_taken(self):
        folder = dom0(f"echo /local/domain/$(xl domid {NAME})/data/control").strip()
        dom0(f"xl pause {NAME}; xenstore-write {folder}/request 'TAG 1 READ q.class'")
        late = call("read", "c.class", "--timeout", 1)
        self.assertEqual(late.returncode, 124)
        dom0(f"xenstore-write {folder}/request 'TAG 1 READ q.class'; xl unpause {NAME}")
        self.assertEqual(self.read("c.class"), "Counter\n")


class Ends(unittest.TestCase):
    """Questions that get no answer."""

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.start("mute")
        for name in ("hello-01234567", "hello-89abcdef"):
            create("hello", name, "", paused=True)
            cls.addClassCleanup(dom0, f"xl destroy {name}")

    @classmethod
    def start(cls, name, config=CONFIG):
        """Make a guest that does not run, but says so; return its folder in xenstore."""
        create("middlebox", name, f"-e \\'{config}\\'", memory=2, paused=True)
        cls.addClassCleanup(dom0, f"xl destroy {name} || true")
        folder = f"/local/domain/{dom0(f'xl domid {name}').strip()}/data"
        dom0(f"xenstore-write {folder}/state running")
        return folder

    def ask(self, guest, folder):
        """Begin to ask; return the process when the question is there."""
        process = subprocess.Popen([ROOT / "scripts/sprat", "handler", "read", guest, "c.count"],
                                   stderr=subprocess.PIPE, text=True)  # fmt: skip
        self.addCleanup(process.wait)
        self.addCleanup(process.stderr.close)
        eventually(lambda: dom0(f"xenstore-read {folder}/control/request 2>/dev/null || true"))
        return process

    def test_a_guest_that_ends_amid_a_call_is_told_at_once(self):
        process = self.ask("ends", self.start("ends"))
        dom0("xl destroy ends")
        self.assertEqual(process.wait(TIMEOUT_S), 125)
        self.assertIn("ends has ended", process.stderr.read())

    def test_a_question_that_was_taken_may_still_be_done(self):
        process = self.ask("mute", self.folder)
        dom0(f"xenstore-write {self.folder}/control/request ''")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(TIMEOUT_S), 130)
        self.assertIn("has taken the request, and may still do it", process.stderr.read())

    def test_lies_are_told(self):
        folder = f"{self.folder}/control"
        for reply, text, complaint in (
            ("2 $tag", "200 ", "has no piece 1"),
            ("1 $tag", "200 ", "is not complete"),
            ("1 $tag", r"200 a\r\n200 b\r\n", "answers 2 of 1 requests"),
        ):
            process = self.ask("mute", self.folder)
            dom0(f"""tag=$(xenstore-read {folder}/request | cut -d' ' -f2)
                xenstore-write {folder}/reply/0 '{text}'
                xenstore-write {folder}/replies "1 x$tag"
                xenstore-write {folder}/replies "65537 $tag"
                xenstore-write {folder}/replies "$tag"
                xenstore-write {folder}/replies "{reply}"
                xenstore-rm {folder}/request""")
            self.assertEqual(process.wait(TIMEOUT_S), 125)
            self.assertIn(complaint, process.stderr.read())

    def test_a_question_without_an_answer_is_taken_back(self):
        self.start("later", NO_DEVICE)
        done = call("write", "q.capacity", "9", "--timeout", 1, guest="later")
        self.assertEqual(done.returncode, 124)
        self.assertIn("later does not answer within 1 s; the request was taken back", done.stderr)
        dom0("xl unpause later")
        eventually(lambda: "middlebox: running" in console("later"))
        self.assertEqual(call("read", "q.capacity", guest="later").stdout, "7\n")
        # It has no interface, whose packets would wake it up.
        self.assertEqual(call("write", "s.active", "true", guest="later").returncode, 0)
        eventually(lambda: call("read", "n.count", guest="later").stdout == "3\n")

    def test_a_guest_that_is_no_middlebox_is_told(self):
        done = call("list", "--timeout", 1, guest="hello-01234567")
        self.assertEqual(done.returncode, 124)
        self.assertIn("does not say within 1 s that it runs as a middlebox", done.stderr)

    def test_a_name_of_no_guest_or_of_two_is_told_with_those_that_are_there(self):
        for name in ("not-there", "hell", "0", "hello"):
            done = call("list", guest=name)
            self.assertEqual(done.returncode, 125)
            self.assertRegex(done.stderr, rf"is called {name}; there are: .*\bhello-01234567\b")


class Words(unittest.TestCase):
    """What needs no guest."""

    def test_wrong_words_are_refused(self):
        for words in (("read", "g", "a b"), ("read", "g", ""), ("swap", "g", "f", "--", "x"),
                      ("write", "g", "a.b", "1", "--", "2"), ("write", "g"), ("sing", "g"),
                      ("write", "g", "a.b", "1", "--file", "-"), ("read", "g", "x" * 2001),
                      ("read", "g", "a.b", "--timeout", "0")):  # fmt: skip
            with self.subTest(words):
                self.assertEqual(sprat("handler", *words).returncode, 2)

    def test_files_that_cannot_be_read_are_told(self):
        for words in (("swap", "g", "/gone.click"), ("write", "g", "a.b", "--file", "/")):
            done = sprat("handler", *words)
            self.assertEqual(done.returncode, 125)
            self.assertIn("cannot read /", done.stderr)

    def test_answers_are_read(self):
        (answer,) = handler.parse(b"200 it is\r\nDATA 4\r\n\r\n5x")
        self.assertEqual((answer.code, answer.lines, answer.data), (200, ["it is"], b"\r\n5x"))
        first, second = handler.parse(b"520-wrong\r\n520 a\r\n200 DATA 1\r\n")
        self.assertEqual((first.code, first.lines), (520, ["wrong", "a"]))
        self.assertEqual((second.lines, second.data), (["DATA 1"], b""))

    def test_answers_that_make_no_sense_are_refused(self):
        for said in (b"200", b"200 x", b"200 x\n", b"20 x\r\n", b"2000 x\r\n", b"abc d\r\n",
                     b"200-x\r\n", b"200-x\r\n520 y\r\n", b"200 x\r\nDATA 2\r\na",
                     b"200 x\r\nDATA x\r\na", b"200 x\r\nDATA -1\r\na", b"200 x\r\nDATA 1",
                     b"200 x\r\nDATA 9999999999\r\na", b"\r\n", b"\xff\r\n"):  # fmt: skip
            with self.subTest(said), self.assertRaises(errors.SpratError):
                handler.parse(said)
        for said in (b"200 x", b"200 x\r\nDATA 1"):  # a line without its end is no line
            with self.assertRaisesRegex(errors.SpratError, "is not complete"):
                handler.parse(said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
