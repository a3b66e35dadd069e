# SPDX-License-Identifier: BSD-2-Clause
"""The examples as guests under `xl create`: what they print, how they end, what they cost."""

import os
import re
import sys
import time
import unittest

from support import BUILD, console, cpu_ns, create, dom0, eventually, sprat

IDLE_S = 30
CORRUPT = r"heap corruption: block 0x\w+: "
MEMORY = re.compile(r"memory: (\d+) KiB, (\d+) KiB free")


class Hello(unittest.TestCase):
    """A guest that behaves."""

    def test_main_gets_its_words_as_a_shell_would_split_them(self):
        done = sprat("run", "hello", "--", "one", "two words", 'a"b', "back\\slash", "it's")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(re.findall(r"^argv\[\d+\]: (.*)$", done.stdout, re.M),
                         ["hello", "one", "two words", 'a"b', "back\\slash", "it's"])  # fmt: skip

    def test_assignments_before_the_first_word_become_the_environment(self):
        done = sprat("run", "hello", "--", "GREETING=Good day", "B=2", "word", "C=3")
        self.assertIn("Good day from Sprat\n", done.stdout)
        self.assertEqual(re.findall(r"^env: (.*)$", done.stdout, re.M),
                         ["GREETING=Good day", "B=2"])  # fmt: skip
        self.assertIn("argv[2]: C=3\n", done.stdout)

    def test_it_runs_in_one_mebibyte_and_knows_it(self):
        done = sprat("run", "--memory", "1", "hello")
        self.assertEqual(done.returncode, 0, done.stderr)
        total, free = map(int, MEMORY.search(done.stdout).groups())
        self.assertEqual(total, 1024)
        self.assertGreater(free, 700)

    def test_all_of_a_large_memory_is_there(self):
        done = sprat("run", "--memory", "600", "hello")
        total, free = map(int, MEMORY.search(done.stdout).groups())
        self.assertEqual(total, 600 * 1024)
        self.assertGreater(free, 598 * 1024)

    def test_its_wall_clock_is_the_hosts(self):
        before = dom0("date -u '+%Y-%m-%d %H:%M:%S'").strip()
        said = re.search(r"time: (.*) UTC", sprat("run", "hello").stdout)[1]
        after = dom0("date -u '+%Y-%m-%d %H:%M:%S'").strip()
        self.assertLessEqual(before, said)
        self.assertLessEqual(said, after)

    def test_an_option_that_the_runtime_does_not_know_is_named(self):
        done = sprat("run", "hello", "--", "sprat.fnord")
        self.assertIn("'sprat.fnord' is no option of this image", done.stdout)
        self.assertEqual(done.returncode, 0)

    def test_a_quote_that_is_not_closed_is_refused_with_its_place(self):
        create("hello", "unclosed", "one 'two")
        eventually(lambda: "the quote that opens at byte 5 is not closed" in console("unclosed"))
        dom0("xl destroy unclosed")

    def test_a_command_line_that_xen_may_have_cut_is_refused(self):
        create("hello", "toolong", "x" * 1100)
        eventually(lambda: "its end may be missing: make it shorter" in console("toolong"))
        dom0("xl destroy toolong")


class Life(unittest.TestCase):
    """Starting, idling and ending, as plain xl sees it."""

    def tearDown(self):
        dom0("for g in $(xl list | awk 'NR > 2 && $1 ~ /^life/ {print $1}'); do"
             " xl destroy $g; done")  # fmt: skip

    def test_xl_shutdown_ends_a_waiting_guest_as_powered_off(self):
        create("hello", "life1", "stay")
        eventually(lambda: "time:" in console("life1"))
        dom0("timeout 60 xl shutdown -w life1")
        self.assertIn("---s--", dom0("xl list life1"))
        status = dom0("xenstore-read /local/domain/$(xl domid life1)/data/exit-status")
        self.assertEqual(status, "0\n")

    def test_xl_reboot_ends_it_for_a_reboot(self):
        create("hello", "life2", "stay")
        eventually(lambda: "time:" in console("life2"))
        dom0("xl reboot life2")
        eventually(lambda: "---sr-" in dom0("xl list life2"))
        self.assertRegex(dom0("lab-dominfo $(xl domid life2)"), "reason reboot")

    def test_an_idle_guest_uses_no_cpu_time(self):
        create("hello", "life3", "stay", memory=4)
        eventually(lambda: "time:" in console("life3"))
        eventually(lambda: cpu_ns("life3") == (time.sleep(1), cpu_ns("life3"))[1])
        before = cpu_ns("life3")
        time.sleep(IDLE_S)  # the figure is about time that passes
        self.assertEqual(cpu_ns("life3"), before)

    def test_a_guest_is_paused_and_goes_on(self):
        create("hello", "life4", "stay", paused=True)
        self.assertEqual(console("life4"), "")
        dom0("xl unpause life4")
        eventually(lambda: "time:" in console("life4"))


class StoppedXenstored(unittest.TestCase):
    """No other test may run beside this one: all of dom0's toolstack waits meanwhile."""

    def test_a_xenstored_that_does_not_answer_is_named(self):
        create("hello", "silent", "", paused=True)
        domid = dom0("xl domid silent").strip()
        try:
            dom0(f"kill -STOP $(pidof xenstored); lab-dominfo unpause {domid}")
            eventually(lambda: "no answer yet about 'data/exit-status'" in console("silent"))
        finally:
            dom0("kill -CONT $(pidof xenstored)")
        eventually(lambda: "---s--" in dom0("xl list silent"))
        self.assertEqual(dom0(f"xenstore-read /local/domain/{domid}/data/exit-status"), "0\n")
        dom0("xl destroy silent")


class Typing(unittest.TestCase):
    """A guest that reads its console."""

    def test_what_is_typed_comes_as_lines_however_they_end(self):
        done = sprat("run", BUILD / "test/guest/typed.cfg", stdin="one\ntwo words\rend\r")
        self.assertIn("line 1: 4 bytes: one\n", done.stdout, done.stderr)
        self.assertIn("line 2: 10 bytes: two words\n", done.stdout)
        self.assertEqual(done.returncode, 2)


class Programs(unittest.TestCase):
    """Each program of CMakeLists.txt's test_program() is a list of tests that runs in a guest."""

    def test_all_of_them_pass_what_they_check(self):
        for program in os.environ["SPRAT_TEST_PROGRAMS"].split():
            with self.subTest(program):
                done = sprat("run", BUILD / f"test/guest/{program}.cfg")
                self.assertIn("all passed\n", done.stdout, done.stdout + done.stderr)
                self.assertEqual(done.returncode, 0)

    def test_complaints_are_on_the_console(self):
        done = sprat("run", BUILD / "test/guest/test-posix.cfg")
        for line in ("named[1]: 50% of it: No such file or directory\n", "test-posix: plain\n",
                     "test-posix: can't open it: Permission denied\n",
                     "test-posix: no reason\n"):  # fmt: skip
            self.assertIn(line, done.stdout)
        self.assertNotIn("never shown", done.stdout)


class Crash(unittest.TestCase):
    """Guests that die: the reason and the place are on the console, the domain ends as crashed."""

    def dies(self, way, reason, *functions):
        done = sprat("run", "crash", "--", way)
        self.assertEqual(done.returncode, 139, done.stdout + done.stderr)
        self.assertRegex(done.stdout, f"sprat: panic: {reason}")
        frames = re.findall(r"#\d+ 0x[0-9a-f]{16} (\w+) at (\S+):\d+", done.stdout)
        names = [name for name, _ in frames]
        for function in functions:
            self.assertIn(function, names, done.stdout)
        return done.stdout

    def test_null_is_not_mapped_for_reading(self):
        text = self.dies("null-read", "page fault: NULL access: read from 0x0{16}", "null_read",
                         "main")  # fmt: skip
        self.assertRegex(text, r"rip 0x[0-9a-f]{16} rsp 0x[0-9a-f]{16}")
        self.assertIn("thread main", text)

    def test_null_is_not_mapped_for_writing(self):
        self.dies("null-write", "page fault: NULL access: write to 0x0{15}8", "null_write", "main")

    def test_a_call_of_null_shows_who_called(self):
        self.dies("null-call", "page fault: jump to nowhere: jump to 0x0{16}", "main")

    def test_text_is_not_writable(self):
        self.dies("text-write", "page fault: text is read-only: write to 0x0{10}2", "text_write")

    def test_read_only_data_is_not_writable(self):
        self.dies("rodata-write", "page fault: the data is read-only: write to", "rodata_write")

    def test_data_is_not_executable(self):
        self.dies("data-execute", "page fault: execution of data")

    def test_read_only_data_is_not_executable(self):
        self.dies("rodata-execute", "page fault: execution of data")

    def test_the_heap_is_not_executable(self):
        self.dies("heap-execute", "page fault: execution of data")

    def test_the_stack_is_not_executable(self):
        self.dies("stack-execute", "page fault: execution of data")

    def test_a_stack_overflow_names_the_thread_and_the_function(self):
        self.dies("stack-overflow", "stack overflow in thread main", "recurse")

    def test_the_page_below_the_stack_is_a_guard(self):
        done = sprat("run", "crash", "--", "stack-guard")
        self.assertEqual(done.returncode, 139, done.stdout + done.stderr)
        self.assertIn("stack_guard", done.stdout + done.stderr)

    def test_an_overwritten_canary_is_found(self):
        self.dies("stack-smash", "stack smashed", "stack_smash")

    def test_the_canary_differs_from_boot_to_boot(self):
        canaries = {sprat("run", "crash", "--", "canary").stdout for _ in range(2)}
        self.assertEqual(len(canaries), 2)
        for canary in canaries:
            self.assertRegex(canary, r"^canary [0-9a-f]{14}00\n$")

    def test_one_byte_beyond_a_block_is_found(self):
        self.dies("heap-overflow", CORRUPT + "something wrote past", "heap_overflow")

    def test_one_byte_beyond_a_large_block_is_found(self):
        self.dies("heap-overflow-large", "heap corruption", "heap_overflow_large")

    def test_a_block_freed_twice_is_found(self):
        self.dies("double-free", CORRUPT + "it is freed already", "double_free")

    def test_an_address_inside_a_block_is_no_block(self):
        self.dies("wild-free", "heap corruption: block 0x\\w+: malloc never gave", "wild_free")

    def test_static_data_is_no_block(self):
        self.dies("static-free", "heap corruption: block 0x\\w+: malloc never gave", "static_free")

    def test_a_failed_assert_says_what_and_where(self):
        self.dies("assert", r"assertion failed: two \+ two == 5, in failed_assert at \S*crash.c:")

    def test_abort_is_a_crash(self):
        self.dies("abort", r"abort\(\) was called", "abort", "main")

    def test_a_division_by_zero_is_a_crash(self):
        self.dies("divide", "divide error", "divide")

    def test_another_exit_code_is_no_crash_and_reaches_the_host(self):
        done = sprat("run", "crash", "--", "in-no-such-way")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("sprat: exit status 2\n", done.stdout)


if __name__ == "__main__":
    if not sprat("lab", "status").returncode == 0 and "SPRAT_LAB" not in os.environ:
        sys.exit("no lab runs: scripts/sprat lab with -- ctest ...")
    unittest.main(verbosity=2)
