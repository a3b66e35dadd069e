# SPDX-License-Identifier: BSD-2-Clause
"""xl save and xl restore of real guests, and what they notice of it."""

import contextlib
import re
import unittest

from support import BUILD, console, dom0, eventually
from test_disks import Disk, pattern

XVDA_MIB = 4
CONSOLE = "/var/log/xen/console"


class Guest:
    """A guest of test/guest, or of examples/. Use it in a `with`: it is destroyed in the end."""

    def __init__(self, name, cfg, *settings):
        self.name, self.cfg, self.settings = name, cfg, settings

    def __enter__(self):
        words = " ".join(f"'{word}'" for word in (f'name="{self.name}"', *self.settings))
        dom0(f"rm -f {CONSOLE}/guest-{self.name}.log;"
             f" xl create -q -e {BUILD}/{self.cfg} {words}")  # fmt: skip
        return self

    def __exit__(self, *_):
        dom0(f"xl destroy {self.name} 2>/dev/null; rm -f /tmp/{self.name}.save")

    def said(self):
        """What is on its console, which goes on in the same file."""
        return console(self.name).replace("\r", "")

    def wait(self, text):
        """Wait until it has said something."""
        eventually(lambda: text in self.said())

    def save(self, *options):
        """Save it to a file of dom0."""
        dom0(f"xl save {' '.join(options)} {self.name} /tmp/{self.name}.save")

    def restore(self):
        """Go on from that file."""
        dom0(f"xl restore -e /tmp/{self.name}.save && rm /tmp/{self.name}.save")

    def listed(self):
        """Is it a domain?"""
        return f"\n{self.name} " in dom0("xl list")

    def ticks(self):
        """How many ticks it has said, each once and in order."""
        ticks = [int(n) for n in re.findall(r"^tick (\d+) at", self.said(), re.M)]
        assert ticks == list(range(1, len(ticks) + 1)), ticks
        return len(ticks)


class Time(unittest.TestCase):
    """Time, memory, threads and the console."""

    def check_alive(self, guest):
        """It counts on, hears what is typed, and its memory is what it was."""
        before = guest.ticks()
        eventually(lambda: guest.ticks() > before + 3)
        word = f"word-{before}"
        dom0(f"tty=$(xenstore-read /local/domain/$(xl domid {guest.name})/console/tty) &&"
             f" echo {word} >$tty")  # fmt: skip
        guest.wait(f"heard {word}")

    def check_end(self, guest):
        """It obeys the toolstack, and found nothing wrong."""
        dom0(f"xl shutdown -w {guest.name}")
        guest.wait("ends with 0 failures")
        self.assertNotIn("wrong:", guest.said())

    def test_a_guest_is_saved_and_restored_again_and_again(self):
        with Guest("saved", "test/guest/test-saved.cfg") as guest:
            guest.wait("tick 2 ")
            for _ in range(3):
                guest.save()
                self.assertFalse(guest.listed())
                guest.restore()
                self.check_alive(guest)
            self.check_end(guest)

    def test_the_wall_clock_went_on_meanwhile(self):
        with Guest("walled", "test/guest/test-saved.cfg") as guest:
            guest.wait("tick 2 ")
            guest.save()
            before = guest.ticks()
            restored = int(dom0("date +%s").split()[0])
            guest.restore()
            eventually(lambda: guest.ticks() > before + 1)
            seconds = [int(s) for s in re.findall(r"^tick \d+ at (\d+)", guest.said(), re.M)]
            self.assertGreaterEqual(seconds[before + 1], restored - 1)
            self.check_end(guest)

    def test_a_guest_goes_on_after_a_copy(self):
        with Guest("copied", "test/guest/test-saved.cfg") as guest:
            guest.wait("tick 2 ")
            guest.save("-c")
            self.check_alive(guest)
            dom0("xl destroy copied")
            guest.restore()
            eventually(guest.listed)
            self.check_end(guest)


class Devices(unittest.TestCase):
    """Disks and networks, with work under way."""

    def test_writes_to_a_disk_go_on(self):
        with Disk("saved", XVDA_MIB << 20) as disk:
            spec = f'disk=["phy:{disk.device},xvda,w"]'
            with Guest("disk-saved", "test/guest/test-disk.cfg", spec, "max_grant_frames=8",
                       'extra="xvda churn write:9"') as guest:  # fmt: skip
                for connection in (1, 2):
                    guest.wait(f"on connection {connection}\n")
                    guest.save()
                    guest.restore()
                guest.wait("on connection 3\n")
                dom0("xenstore-write /local/domain/$(xl domid disk-saved)/data/enough 1")
                guest.wait("all passed")
                self.assertIn("faults 0 lost 0", guest.said())
            self.assertTrue(disk.holds(pattern(9, XVDA_MIB << 20)))

    def test_a_connection_is_not_lost(self):
        place = "/tmp/echo-saved"
        with Guest("echo-saved", "examples/echo.cfg",
                   'extra="sprat.ip=10.0.0.77/24"') as guest:  # fmt: skip
            with contextlib.ExitStack() as stack:
                stack.callback(dom0, f"kill $(cat {place}/pid) 2>/dev/null; rm -r {place}")
                dom0(f"mkdir {place} && mkfifo {place}/in &&"
                     " until ping -c 1 -W 1 10.0.0.77 >/dev/null; do :; done")  # fmt: skip
                # The file descriptor 3 keeps the client's input open.
                dom0(f"(exec 3<>{place}/in; exec nc 10.0.0.77 7 <&3 >{place}/out 2>&1) &"
                     f" echo $! >{place}/pid; echo before >{place}/in")  # fmt: skip
                eventually(lambda: "before" in dom0(f"cat {place}/out"))
                for i in range(2):
                    guest.save()
                    dom0(f"echo while-{i} >{place}/in")  # the client sends it again and again
                    guest.restore()
                    eventually(lambda i=i: f"while-{i}" in dom0(f"cat {place}/out"))
            dom0("timeout 20 ping -c 1 10.0.0.77")


if __name__ == "__main__":
    unittest.main()
