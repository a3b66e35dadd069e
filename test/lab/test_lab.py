# SPDX-License-Identifier: BSD-2-Clause
"""Labs: up and down, commands in dom0, and whose end is whose."""

import contextlib
import dataclasses
import hashlib
import os
import signal
import subprocess
import time
import unittest

import support
from spratlib import agent, dom0, lab, qemu
from spratlib.errors import SpratError

NOT_RUNNING = 3
END_TIMEOUT_S = 20


class ExecTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        support.use_any_lab()

    def sh(self, script, **options):
        """Run a shell command in dom0."""
        return support.sprat("lab", "exec", "--", "sh", "-c", script, **options)

    def ends_in_dom0(self, pid):
        """Say whether a process of dom0 ends soon."""
        look = f"kill -0 {pid} 2>/dev/null || exit 0"
        wait = f"for i in $(seq 150); do {look}; usleep 100000; done; exit 1"
        return self.sh(wait).returncode == 0

    def test_output_streams_stay_apart_and_the_exit_code_comes_through(self):
        done = self.sh("echo out; echo err >&2; exit 7")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (7, "out\n", "err\n"))

    def test_a_signal_that_ends_a_command_is_told_as_a_shell_does(self):
        self.assertEqual(self.sh("kill -9 $$").returncode, 128 + signal.SIGKILL)

    def test_a_command_that_is_not_there_is_named(self):
        done = support.sprat("lab", "exec", "--", "no-such-command")
        self.assertEqual(done.returncode, 127)
        self.assertIn("no-such-command: No such file", done.stderr)

    def test_arguments_arrive_as_they_were_given(self):
        words = ["two words", "", "it's", '"', "\\", "--", "ü"]
        done = support.sprat("lab", "exec", "--", "printf", "<%s>", *words)
        self.assertEqual(done.stdout, "".join(f"<{word}>" for word in words))

    def test_input_of_any_size_and_kind_arrives(self):
        data = bytes(range(256)) * 4096
        done = self.sh("sha256sum", stdin=data)
        self.assertEqual(done.stdout.split()[0], hashlib.sha256(data).hexdigest())

    def test_a_command_that_ignores_its_input_still_ends(self):
        self.assertEqual(self.sh("exit 5", stdin=bytes(2**20)).returncode, 5)

    def test_much_output_comes_whole(self):
        done = self.sh("seq 200000")
        self.assertEqual(done.stdout, "".join(f"{i}\n" for i in range(1, 200001)))

    def test_output_streams_as_it_comes(self):
        process = support.start("lab", "exec", "--", "sh", "-c", "echo first; sleep 1000")
        support.read_until(process, "first\n")
        process.terminate()
        self.assertEqual(process.wait(END_TIMEOUT_S), 128 + signal.SIGTERM)
        process.stdout.close()

    def test_commands_run_in_parallel(self):
        # Each waits for the other one.
        self.sh("rm -f /tmp/a /tmp/b; mkfifo /tmp/a /tmp/b")
        script = "echo x >/tmp/b; read -r y </tmp/a; echo $y"
        process = support.start("lab", "exec", "--", "sh", "-c", script)
        done = self.sh("read -r y </tmp/b; echo $y >/tmp/a; rm /tmp/a /tmp/b")
        self.assertEqual(done.returncode, 0)
        support.read_until(process, "x\n")
        self.assertEqual(process.wait(END_TIMEOUT_S), 0)
        process.stdout.close()

    def test_ctrl_c_ends_the_command_in_dom0(self):
        process = support.start("lab", "exec", "--", "sh", "-c", "echo pid $$ .; sleep 1000")
        pid = support.read_until(process, ".\n").split()[1]
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(END_TIMEOUT_S), 128 + signal.SIGINT)
        self.assertTrue(self.ends_in_dom0(pid))
        process.stdout.close()

    def test_a_command_ends_with_its_client_even_if_that_is_killed(self):
        process = support.start("lab", "exec", "--", "sh", "-c", "echo pid $$ .; sleep 1000")
        pid = support.read_until(process, ".\n").split()[1]
        process.kill()
        process.wait(END_TIMEOUT_S)
        process.stdout.close()
        self.assertTrue(self.ends_in_dom0(pid))

    def test_a_command_can_be_given_a_time_limit(self):
        started = time.monotonic()
        done = support.sprat("lab", "exec", "--timeout", "1", "--", "sleep", "1000")
        self.assertEqual(done.returncode, 124)
        self.assertIn("did not end within 1 s", done.stderr)
        self.assertLess(time.monotonic() - started, END_TIMEOUT_S)

    def test_a_command_more_than_there_are_channels_waits_for_one(self):
        with contextlib.ExitStack() as stack:
            own = stack.enter_context(lab.own_lab(lab.Options(), print))
            taken = []
            with self.assertRaisesRegex(SpratError, "commands run in this lab already"):
                while True:
                    channel = agent.Channel(own.folder, timeout_s=0)
                    taken.append(stack.enter_context(channel))
            self.assertEqual(len(taken), agent.CHANNELS)
            waits = support.start("lab", "exec", "--lab", own.name, "--", "echo", "had its turn")
            stack.callback(waits.stdout.close)
            with self.assertRaises(subprocess.TimeoutExpired):
                waits.wait(1)
            taken[0].close()
            support.read_until(waits, "had its turn\n")
            self.assertEqual(waits.wait(END_TIMEOUT_S), 0)

    def test_a_file_made_later_is_visible_in_dom0_at_once(self):
        file = support.scratch_folder() / "new"
        for text in ("first\n", "second\n"):
            file.write_text(text)
            self.assertEqual(self.sh(f"cat {file}").stdout, text)

    def test_dom0_s_clock_is_right(self):
        self.assertLess(abs(int(self.sh("date +%s").stdout) - time.time()), 3)


class LifeTest(unittest.TestCase):
    """These start labs of their own."""

    def setUp(self):
        self.addCleanup(self.end_all)
        self.started = []

    def name(self):
        """Return a lab's name; the lab ends with the test, whatever happens."""
        name = f"test-{os.getpid()}-{len(self.started)}"
        self.started.append(name)
        return name

    def end_all(self):
        for name in self.started:
            lab.Lab(name).stop()

    def watch(self, name):
        """Return a pidfd of a lab's QEMU."""
        descriptor = os.pidfd_open(lab.Lab(name).pid())
        self.addCleanup(os.close, descriptor)
        return descriptor

    def test_two_labs_side_by_side_are_two(self):
        names = [self.name(), self.name()]
        random = []
        for name in names:
            done = support.sprat("lab", "up", "--lab", name)
            self.assertEqual(done.returncode, 0, done.stderr)
        for name in names:
            done = support.sprat("lab", "exec", "--lab", name, "--", "sh", "-c",
                                 f"hostname {name}; cat /proc/sys/kernel/random/uuid")  # fmt: skip
            random.append(done.stdout)
        for name in names:
            self.assertEqual(lab.Lab(name).output_of(["hostname"]), f"{name}\n")
        # Both come from the same snapshot, and yet:
        self.assertNotEqual(*random)
        self.assertTrue(set(names) <= set(support.sprat("lab", "list").stdout.split()))
        processes = [self.watch(name) for name in names]
        self.assertEqual(support.sprat("lab", "down", "--lab", names[0]).returncode, 0)
        self.assertTrue(qemu.wait_exit(processes[0], END_TIMEOUT_S))
        self.assertEqual(support.sprat("lab", "status", "--lab", names[0]).returncode, NOT_RUNNING)
        self.assertEqual(support.sprat("lab", "status", "--lab", names[1]).returncode, 0)

    def test_a_lab_that_is_up_is_not_started_again(self):
        name = self.name()
        self.assertEqual(support.sprat("lab", "up", "--lab", name).returncode, 0)
        done = support.sprat("lab", "up", "--lab", name)
        self.assertEqual(done.returncode, 125)
        self.assertIn("runs already", done.stderr)
        self.assertTrue(lab.Lab(name).is_running())

    def test_a_lab_that_is_down_says_how_to_start_it(self):
        done = support.sprat("lab", "exec", "--lab", "none", "--", "true")
        self.assertEqual(done.returncode, 125)
        self.assertIn("sprat lab up --lab none", done.stderr)

    def start_with(self):
        """Start a command with a lab of its own; return it and a pidfd of the lab's QEMU."""
        script = "echo lab $SPRAT_LAB .; exec sleep 1000"
        process = support.start("lab", "with", "--", "sh", "-c", script)
        name = support.read_until(process, " .\n").split()[-2]
        self.started.append(name)
        return process, self.watch(name)

    def test_a_lab_ends_with_the_command_that_started_it(self):
        done = support.sprat("lab", "with", "--", "sh", "-c", "echo $SPRAT_LAB; exit 9")
        self.assertEqual(done.returncode, 9)
        self.assertFalse(lab.Lab(done.stdout.strip()).is_running())

    def test_a_lab_ends_with_its_command_that_is_interrupted(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process, machine = self.start_with()
            process.send_signal(number)
            self.assertEqual(process.wait(END_TIMEOUT_S), 128 + number)
            self.assertTrue(qemu.wait_exit(machine, 0))
            process.stdout.close()

    def test_a_lab_ends_with_its_command_that_is_killed(self):
        process, machine = self.start_with()
        process.kill()
        process.wait(END_TIMEOUT_S)
        self.assertTrue(qemu.wait_exit(machine, END_TIMEOUT_S))
        process.stdout.close()

    def test_a_boot_that_fails_shows_why_and_where_the_log_is(self):
        name = self.name()
        done = support.sprat("lab", "up", "--lab", name, "--no-snapshot", "--dom0-memory", "40")
        self.assertEqual(done.returncode, 125)
        self.assertIn("the lab does not boot", done.stderr)
        self.assertIn(f"failed/{name}/serial.log", done.stderr)
        self.assertRegex(done.stderr, "(?i)panic|memory")
        self.assertFalse(lab.Lab(name).is_running())

    def test_a_machine_starts_in_a_folder_of_any_name(self):
        machine = lab.prepare(lab.Options(), print)
        folder = support.scratch_folder() / "two words, one comma"
        folder.mkdir()
        boot = {name: folder / f"the {name}" for name in ("xen", "kernel", "initramfs")}
        for name, path in boot.items():
            path.symlink_to(getattr(machine.boot, name))
        machine = dataclasses.replace(machine, boot=dom0.Boot(**boot, key="any"))
        with open(folder / "lock", "w") as lock:
            process = qemu.start(folder, machine, ["-S"], lock.fileno(), tied=True)
        self.addCleanup(lab.end_process, process)
        with qemu.Qmp(folder) as qmp:
            self.assertEqual(qmp.command("query-status")["status"], "prelaunch")

    def test_impossible_sizes_are_refused(self):
        done = support.sprat("lab", "up", "--lab", self.name(), "--memory", "256")
        self.assertEqual(done.returncode, 2)
        self.assertIn("too little", done.stderr)

    def test_xenstored_in_ocaml_can_be_had(self):
        name = self.name()
        done = support.sprat("lab", "up", "--lab", name, "--no-snapshot", "--xenstored", "ocaml")
        self.assertEqual(done.returncode, 0, done.stderr)
        running = lab.Lab(name)
        self.assertIn("oxenstored", running.output_of(["ps"]))
        self.assertIn("Domain-0", running.output_of(["xl", "list"]))


if __name__ == "__main__":
    unittest.main()
