# SPDX-License-Identifier: BSD-2-Clause
"""The launcher in a lab: guests made and ended by it, xl on them, and its own sudden end."""

import shutil
import unittest

from launcher_case import READY, LauncherCase
from spratlib import paths

FLEET = 40


class LauncherTest(LauncherCase):
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
        self.dom0(f"kill -9 {self.spratd}")
        self.assertEqual(len(self.guests()), 4)
        self.start()
        self.assertEqual(self.guests(), ["stays"])
        self.assertIn(READY, self.ctl("log", "stays")[0]["console"])  # it was said to the first one
        self.dom0("xl shutdown stays")  # its watch on control/shutdown is still served
        self.assert_soon(lambda: self.guests() == [])

    def test_a_guest_that_ends_at_once_is_restarted_ever_slower(self):
        self.create(self.write("loop", extra="", on_poweroff="restart"), "--name", "loop")
        self.assert_soon(
            lambda: any(guest["restarts"] >= 3 for guest in self.ctl("list")[0]["guests"])
        )
        self.assertTrue(self.ctl("destroy", "loop")[0]["ok"])

    def test_a_crash_is_in_the_log_with_the_guests_last_words(self):
        crash = paths.build_folder() / "examples/crash.cfg"
        self.ctl("create", "--name", "dies", "--cmdline", "null-write", str(crash))
        self.assert_soon(lambda: self.ctl("list")[0]["guests"] == [])
        log = self.dom0("cat /tmp/launcher.log")
        self.assertIn("dies crashed (reason 3); it said last:\n", log)
        self.assertRegex(log, r"(?m)^    dies: .*(page fault|null|PANIC|sprat)")

    def test_a_restart_that_fails_is_tried_again_unless_the_guest_was_asked_to_end(self):
        image = self.folder / "image.xen"
        build = paths.build_folder() / "examples/hello.xen"
        shutil.copyfile(build, image)
        cfg = self.write("again", extra="stay", on_poweroff="restart", kernel=str(image))
        first = self.create(cfg, "--name", "again")[0]["domid"]
        image.write_bytes(b"damaged")
        self.dom0("xl shutdown again")
        self.assert_soon(lambda: "no ELF" in str(self.ctl("list")[0]["guests"][0].get("trouble")))
        shutil.copyfile(build, image)
        self.assert_soon(lambda: self.ctl("list")[0]["guests"][0].get("domid", first) != first)
        self.assertEqual(self.dom0("grep -c 'it is tried again' /tmp/launcher.log").strip(), "1")
        self.ctl("shutdown", "again")
        self.assertTrue(self.ctl("wait", "--end", "again")[0]["ok"])  # it may have ended already
        self.assertEqual(self.ctl("list")[0]["guests"], [])

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
        self.dom0(f"kill -9 {self.spratd}")
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
