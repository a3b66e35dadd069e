# SPDX-License-Identifier: BSD-2-Clause
"""`sprat run` with guests of a few instructions: each way to end, and what cannot be started."""

import pathlib
import re
import signal
import struct
import tempfile
import time
import unittest

import support
from spratlib import lab

CRASHED, TIMED_OUT, FAILED = 139, 124, 125
END_TIMEOUT_S = 30
SHUTDOWN = """
    lea stack_top(%rip), %rsp
    mov $2, %edi                        /* SCHEDOP_shutdown */
    lea 1f(%rip), %rsi
    call hypercall_page + 29 * 32       /* sched_op */
1:  .long {reason}
    .bss
    .skip 256
stack_top:
    .text
"""


class RunTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = support.use_any_lab()
        cls.folder = support.scratch_folder()
        for name, code in (
            ("poweroff", SHUTDOWN.replace("{reason}", "0")),
            ("reboot", SHUTDOWN.replace("{reason}", "1")),
            ("dies", "xor %esp, %esp\n call 1f\n1: ud2"),
            ("spins", "1: jmp 1b"),
        ):
            support.make_guest(cls.folder, name, code)

    def run_guest(self, name, *words):
        """Run one of this file's guests."""
        cfg = name if "/" in str(name) else self.folder / f"{name}.cfg"
        return support.sprat("run", cfg, *words)

    def guests(self):
        """Return the names of the guests in the lab."""
        lines = self.lab.output_of(["xl", "list"]).splitlines()
        return [line.split()[0] for line in lines[2:]]

    def is_gone(self, stem):
        """Say whether the guest of a run is removed soon."""
        end = time.monotonic() + END_TIMEOUT_S
        while any(name.startswith(stem) for name in self.guests()):
            if time.monotonic() > end:
                return False
        return True

    def test_a_guest_that_shuts_down_without_a_status_counts_as_well(self):
        done = self.run_guest("poweroff")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("left no exit status", done.stderr)

    def test_a_reboot_is_told_and_not_followed(self):
        done = self.run_guest("reboot")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("asked for a reboot", done.stderr)
        self.assertTrue(self.is_gone("reboot"))

    def test_a_guest_that_dies_without_a_word_gets_a_post_mortem(self):
        done = self.run_guest("dies")
        self.assertEqual(done.returncode, CRASHED)
        self.assertRegex(done.stderr, r"rip: 0000000000401002 +_start at \S*dies\.S:\d+")
        self.assertRegex(done.stderr, r"\(XEN\) Domain \d+ \(vcpu#0\) crashed")
        self.assertTrue(self.is_gone("dies"))

    def test_a_guest_that_never_ends_is_ended_and_shown(self):
        done = self.run_guest("spins", "--timeout", "1")
        self.assertEqual(done.returncode, TIMED_OUT)
        self.assertIn("did not end in time", done.stderr)
        self.assertRegex(done.stderr, r"rip: .*_start at \S*spins\.S")
        self.assertTrue(self.is_gone("spins"))

    def started(self):
        """Start a guest that spins, and wait until it does."""
        process = support.start("run", self.folder / "spins.cfg")
        end = time.monotonic() + END_TIMEOUT_S
        while not any(name.startswith("spins") for name in self.guests()):
            self.assertLess(time.monotonic(), end)
        return process

    def test_ctrl_c_ends_even_a_guest_that_does_not_listen(self):
        process = self.started()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(END_TIMEOUT_S), 128 + signal.SIGINT)
        process.stdout.close()
        self.assertTrue(self.is_gone("spins"))

    def test_a_guest_ends_with_its_run_even_if_that_is_killed(self):
        process = self.started()
        process.kill()
        process.wait(END_TIMEOUT_S)
        process.stdout.close()
        self.assertTrue(self.is_gone("spins"))

    def test_runs_of_the_same_guest_do_not_collide(self):
        processes = [support.start("run", self.folder / "poweroff.cfg") for _ in range(3)]
        for process in processes:
            self.assertEqual(process.wait(support.TIMEOUT_S), 0, process.stdout.read())
            process.stdout.close()

    def test_statistics_are_told_on_request(self):
        done = self.run_guest("poweroff", "--memory", "8", "--stats")
        memory_kib = int(re.search(r"(\d+) KiB of memory", done.stderr)[1])
        self.assertLessEqual(memory_kib, 8 * 1024)
        self.assertGreater(memory_kib, 7 * 1024)

    def test_a_guest_outside_the_build_folder_runs_too(self):
        with tempfile.TemporaryDirectory() as name:
            support.make_guest(pathlib.Path(name), "outside", "ud2")
            self.assertEqual(self.run_guest(f"{name}/outside.cfg").returncode, CRASHED)

    def test_a_relative_kernel_is_looked_for_beside_the_cfg(self):
        cfg = self.folder / "relative.cfg"
        cfg.write_text('kernel = "dies.xen"\ntype = "pv"\nmemory = 16\n')
        self.assertEqual(self.run_guest("relative").returncode, CRASHED)

    def test_a_cfg_that_xl_refuses_is_refused_with_xl_s_words(self):
        cfg = self.folder / "broken.cfg"
        cfg.write_text(f'kernel = "{self.folder}/dies.xen"\nmemory = = 16\n')
        done = self.run_guest("broken")
        self.assertEqual(done.returncode, FAILED)
        self.assertIn("broken.cfg:2: config parsing error", done.stderr)
        self.assertIn("xl did not start the guest", done.stderr)

    def test_too_little_memory_is_refused_with_xl_s_words(self):
        support.make_guest(self.folder, "big", "ud2\n .bss\n .skip 64 << 20\n .text")
        done = self.run_guest("big", "--memory", "4")
        self.assertEqual(done.returncode, FAILED)
        self.assertRegex(done.stderr, "(?i)memory|space|panic")
        self.assertTrue(self.is_gone("big"))

    def test_an_image_for_another_architecture_is_named(self):
        header = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HH", 2, 183) + bytes(44)
        (self.folder / "arm.xen").write_bytes(header)
        done = self.run_guest(support.make_cfg(self.folder, "arm"))
        self.assertEqual(done.returncode, FAILED)
        self.assertIn("for ARM (64-bit)", done.stderr)
        self.assertIn("sprat_add_unikernel()", done.stderr)

    def test_an_image_that_is_not_built_is_named(self):
        done = self.run_guest(support.make_cfg(self.folder, "absent"))
        self.assertEqual(done.returncode, FAILED)
        self.assertIn("absent.xen; is it built?", done.stderr)

    def test_a_name_that_is_not_there_is_told_with_those_that_are(self):
        done = support.sprat("run", "no-such-guest")
        self.assertEqual(done.returncode, FAILED)
        self.assertIn("no no-such-guest.cfg under", done.stderr)
        self.assertIn("dies", done.stderr)

    def test_a_name_that_is_there_twice_is_told_with_the_paths(self):
        for place in ("one", "two"):
            (self.folder / place).mkdir(exist_ok=True)
            (self.folder / place / "twice.cfg").write_text("")
        done = support.sprat("run", "twice")
        self.assertEqual(done.returncode, FAILED)
        self.assertIn("one/twice.cfg", done.stderr)
        self.assertIn("two/twice.cfg", done.stderr)

    def test_a_command_line_that_xen_would_cut_is_refused(self):
        done = self.run_guest("dies", "--", "x" * 1024)
        self.assertEqual(done.returncode, FAILED)
        self.assertIn("Xen hands over 1023", done.stderr)

    def test_a_lab_that_does_not_run_is_named(self):
        done = self.run_guest("dies", "--lab", "none")
        self.assertEqual(done.returncode, FAILED)
        self.assertIn("the lab 'none' does not run", done.stderr)

    def test_plain_xl_works_in_dom0_on_the_same_cfg(self):
        script = f"""set -e; cd {self.folder}; name=plain-$$
            xl create -q -e -p spins.cfg 'name="'$name'"'
            xl unpause $name; xl pause $name; xl destroy $name; ! xl list $name"""
        self.lab.output_of(["sh", "-c", script])


class OwnLabTest(unittest.TestCase):
    def test_run_starts_a_lab_of_its_own_where_none_is_named(self):
        folder = support.scratch_folder()
        cfg = support.make_guest(folder, "alone", SHUTDOWN.replace("{reason}", "0"))
        process = support.start("run", cfg, env={"SPRAT_LAB": ""})
        self.assertEqual(process.wait(support.TIMEOUT_S), 0, process.stdout.read())
        process.stdout.close()
        own = f"own-{process.pid}-"
        self.assertFalse([one for one in lab.running() if one.name.startswith(own)])


if __name__ == "__main__":
    unittest.main()
