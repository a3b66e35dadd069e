# SPDX-License-Identifier: BSD-2-Clause
"""The launcher in a lab: guests made and ended by it, xl on them, and its own sudden end."""

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
SOON_S = 20
FLEET = 40
STEADY = 5  # looks that see the same


class LauncherTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = support.use_any_lab()
        build = paths.build_folder()
        cls.programs = build / "toolstack"
        cls.folder = support.scratch_folder()
        cls.text = (build / "examples/hello.cfg").read_text()
        cls.cfg = cls.write("hello", extra="stay")

    @classmethod
    def write(cls, name, **settings):
        """Write a configuration like hello's with other settings; return its path."""
        text = cls.text
        for key, value in settings.items():
            text = re.sub(rf"(?m)^{key} = .*$", "", text) + f'{key} = "{value}"\n'
        path = cls.folder / f"{name}.cfg"
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
        return self.lab.output_of(["sh", "-c", command], timeout_s=60)

    def start(self, options=""):
        """Start the daemon; return when it takes requests."""
        self.dom0(
            f"f=/tmp/launcher.ready; rm -f $f; mkfifo $f; {self.programs}/spratd {options}"
            " --ready-fd 7 7>$f </dev/null >/tmp/launcher.log 2>&1 & "
            "read line </tmp/launcher.ready"
        )

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

    def test_xl_works_on_its_guests(self):
        self.create(self.cfg, "--name", "one")
        self.create(self.cfg, "--name", "two")
        self.assertEqual(self.guests(), ["one", "two"])
        self.dom0("xl pause one")
        self.assertIn("p", self.dom0("xl list one | tail -n 1").split()[4])
        self.dom0("xl unpause one")
        self.assertIn(READY, self.dom0("sleep 2 | timeout 2 xl console one || true"))
        self.dom0("timeout 20 xl shutdown -w one")
        self.dom0("xl destroy two")
        self.assert_soon(lambda: self.ctl("list")[0]["guests"] == [])

    def test_a_fleet_leaves_nothing_behind(self):
        self.create(self.cfg, "--count", str(FLEET), "--name", "warm")
        self.ctl("destroy", "--all")
        before_kib = self.settled_free_kib()
        created = self.create(self.cfg, "--count", str(FLEET), "--name", "fleet")
        self.assertEqual(len(created), FLEET)
        self.assertEqual(self.dom0("xenstore-read /local/domain").strip(), "")
        per_guest_kib = (before_kib - self.free_kib()) / FLEET
        self.assertLess(per_guest_kib, 1024 + 150)
        self.ctl("destroy", "--all")
        self.assertEqual(self.settled_free_kib(), before_kib)

    def test_a_pool_gives_shells_and_is_filled_again(self):
        self.ctl("pool", "--size", "3", self.cfg)
        self.assert_soon(lambda: self.ctl("stats")[0]["pools"][0]["shells"] == 3)
        self.assertTrue(self.create(self.cfg, "--name", "pooled")[0]["pooled"])
        self.assert_soon(lambda: self.ctl("stats")[0]["pools"][0]["shells"] == 3)

    def test_a_killed_daemon_is_followed_by_one_that_clears_up(self):
        self.create(self.cfg, "--name", "stays")
        self.ctl("pool", "--size", "3", self.cfg)
        self.assert_soon(lambda: self.ctl("stats")[0]["pools"][0]["shells"] == 3)
        self.dom0("kill -9 $(pidof spratd)")
        self.assertEqual(len(self.guests()), 4)
        self.start()
        self.assertEqual(self.guests(), ["stays"])
        self.dom0("xl shutdown stays")  # its watch on control/shutdown is still served
        self.assert_soon(lambda: self.guests() == [])

    def test_a_guest_that_ends_at_once_is_restarted_ever_slower(self):
        self.create(self.write("loop", extra="", on_poweroff="restart"), "--name", "loop")
        self.assert_soon(
            lambda: any(guest["restarts"] >= 3 for guest in self.ctl("list")[0]["guests"])
        )
        self.assertTrue(self.ctl("destroy", "loop")[0]["ok"])

    def write_net(self, bridge):
        """Write a configuration with an interface on a bridge; return its path."""
        self.dom0("modprobe -a xen-netback bridge; ip link show xenbr7 >/dev/null 2>&1 ||"
                  " { ip link add xenbr7 type bridge && ip link set xenbr7 up; }")  # fmt: skip
        path = self.folder / "net.cfg"
        text = (paths.build_folder() / "examples/pong.cfg").read_text()
        path.write_text(text.replace("bridge=xenbr0", f"bridge={bridge},mac=02:00:00:00:00:07"))
        return str(path)

    def create_net(self, cfg):
        """Create a guest with an interface, see it connected; return the answer, the vif's name."""
        answer = self.ctl("create", "--name", "net", "--ready", "link up", cfg)[0]
        self.assertTrue(answer["ok"], answer)
        vif = f"vif{answer['domid']}.0"
        self.assertIn("master xenbr7", self.dom0(f"ip link show {vif}"))
        return answer, vif

    def test_an_interface_joins_its_bridge_and_goes_with_its_guest(self):
        cfg = self.write_net("xenbr7")
        for how in (["destroy", "net"], None):
            _, vif = self.create_net(cfg)
            self.ctl(*how) if how else self.dom0("xl destroy net")
            self.assert_soon(lambda: vif not in self.dom0("ip link"))
            self.assert_soon(lambda: self.ctl("list")[0]["guests"] == [])
        answer = self.ctl("create", self.write_net("nowhere"))[0]
        self.assertIn("no bridge nowhere", answer["error"])

    def test_a_shell_is_given_an_interface(self):
        cfg = self.write_net("xenbr7")
        self.ctl("pool", "--size", "1", cfg)
        self.assert_soon(lambda: self.ctl("stats")[0]["pools"][0]["shells"] == 1)
        answer, _ = self.create_net(cfg)
        self.assertTrue(answer["pooled"])

    def test_a_guest_with_an_interface_is_taken_over(self):
        _, vif = self.create_net(self.write_net("xenbr7"))
        self.dom0("kill -9 $(pidof spratd)")
        self.start()
        # Its backend begins anew, of which the new daemon has to tell the guest.
        self.dom0("cd /sys/bus/xen-backend/drivers/vif;"
                  f" for what in unbind bind; do echo vif-{vif[3:-2]}-0 >$what; done")  # fmt: skip
        self.assert_soon(lambda: "link down" in self.ctl("log", "net")[0]["console"])
        self.dom0("xl shutdown net")
        self.assert_soon(lambda: self.guests() == [])
        self.assert_soon(lambda: vif not in self.dom0("ip link"))

    def test_xenstored_serves_a_guest_with_an_interface_too(self):
        self.dom0(f"{self.programs}/spratctl stop")
        self.start("--introduce")
        self.create_net(self.write_net("xenbr7"))

    def test_what_cannot_be_is_refused_with_the_reason(self):
        self.create(self.cfg, "--name", "taken")
        for words, reason in (
            (["--name", "taken", self.cfg], "there is a guest taken already"),
            (["--name", "Domain-0", self.cfg], "which another made"),
            ([self.write("none", kernel="/nowhere")], "No such file"),
            ([self.write("text", kernel=self.cfg)], "no ELF file"),
            ([self.write("hvm", type="hvm")], 'type = "hvm"'),
        ):
            answer = self.ctl("create", *words)[-1]
            self.assertFalse(answer["ok"])
            self.assertIn(reason, answer["error"])
        self.assertEqual(self.guests(), ["taken"])
        never = ("--ready", "never", "--timeout", "1")
        answer = self.ctl("create", "--name", "mute", *never, self.cfg)
        self.assertIn("not ready in time", answer[0]["error"])


if __name__ == "__main__":
    unittest.main()
