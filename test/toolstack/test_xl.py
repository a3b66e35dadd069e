# SPDX-License-Identifier: BSD-2-Clause
"""xl's commands on guests that the launcher made, in a lab: they are ordinary domains."""

import json
import unittest

from launcher_case import READY, LauncherCase
from spratlib import paths

MAC = "02:00:00:00:00:07"
FILES = "ls /var/lib/xen | grep -E '^userdata-.\\.[1-9]' || true"  # what libxl keeps of guests
NODES = "xenstore-ls -f | grep -E '^/(libxl|vm|local/domain/0/backend/...)/' || true"


class XlTest(LauncherCase):
    def tearDown(self):
        super().tearDown()
        self.assert_soon(lambda: self.dom0(f"{FILES}; {NODES}") == "")

    def replace_daemon(self):
        """Kill the daemon, and have another one take its guests."""
        self.dom0(f"kill -9 {self.spratd}")
        self.start()

    def listed(self, name):
        """Return what `xl list -l` says of a domain, which it does within a second."""
        node = f"/local/domain/$(xl domid {name})/memory/static-max"
        self.assert_soon(lambda: self.dom0(f"xenstore-exists {node} && echo yes || true"))
        (domain,) = json.loads(self.dom0(f"xl list -l {name}"))
        return domain["config"]

    def create_net(self):
        """Create a guest with an interface on the bridge xenbr7, as `net`; return its number."""
        self.dom0("modprobe -a xen-netback bridge; ip link show xenbr7 >/dev/null 2>&1 ||"
                  " { ip link add xenbr7 type bridge && ip link set xenbr7 up; }")  # fmt: skip
        path = self.folder / "net.cfg"
        text = (paths.build_folder() / "examples/pong.cfg").read_text()
        path.write_text(text.replace("bridge=xenbr0", f"bridge=xenbr7,mac={MAC}"))
        answer = self.ctl("create", "--name", "net", "--ready", "link up", str(path))[-1]
        self.assertTrue(answer["ok"], answer)
        return answer["domid"]

    def names(self):
        """Return the names of the daemon's guests."""
        return [guest["name"] for guest in self.ctl("list")[0]["guests"]]

    def test_they_tell_what_it_is(self):
        domid = str(self.create(self.cfg, "--name", "one")[0]["domid"])
        self.assertEqual(self.dom0("xl domid one").strip(), domid)
        self.assertEqual(self.dom0(f"xl domname {domid}").strip(), "one")
        self.assertEqual(self.dom0("xl vcpu-list one").splitlines()[1].split()[:3],
                         ["one", domid, "0"])  # fmt: skip
        config = self.listed("one")
        self.assertEqual(config["c_info"]["name"], "one")
        self.assertEqual(config["b_info"]["max_memkb"], 1024)
        self.assertEqual(config["b_info"]["cmdline"], "stay")
        self.dom0("xl mem-set one 1m")
        self.assertEqual(self.dom0(FILES).count("libxl-json"), 1)

    def test_a_guest_that_they_rename_has_the_new_name(self):
        self.create(self.cfg, "--name", "one")
        self.create(self.cfg, "--name", "two")
        self.create_net()
        for old in ("one", "net"):
            self.dom0(f"xl rename {old} new-{old}")
        self.assert_soon(lambda: self.names() == ["new-one", "two", "new-net"])
        self.replace_daemon()
        self.assertEqual(self.names(), ["new-one", "two", "new-net"])
        self.assertTrue(self.ctl("destroy", "new-one")[0]["ok"])
        self.create(self.cfg, "--name", "one")

    def test_they_give_and_take_an_interface(self):
        self.dom0("modprobe -a xen-netback bridge; ip link show xenbr7 >/dev/null 2>&1 ||"
                  " { ip link add xenbr7 type bridge && ip link set xenbr7 up; }")  # fmt: skip
        domid = self.create(self.cfg, "--name", "one")[0]["domid"]
        self.dom0(f"xl network-attach one bridge=xenbr7 mac={MAC}")
        self.assertIn(MAC, self.dom0("xl network-list one"))
        self.assertIn("master xenbr7", self.dom0(f"ip link show vif{domid}.0"))
        self.assertEqual(self.listed("one")["nics"][0]["bridge"], "xenbr7")
        self.dom0("xl network-detach one 0")
        self.assertEqual(self.dom0(f"ip link | grep vif{domid} || true"), "")
        # One that is there when the guest goes goes with it, whoever ends it.
        self.dom0(f"xl network-attach one bridge=xenbr7 mac={MAC}")
        self.replace_daemon()
        self.ctl("destroy", "one")
        self.assert_soon(lambda: self.dom0(f"ip link | grep vif{domid} || true") == "")

    def test_they_give_one_more_to_a_guest_that_has_one(self):
        domid = self.create_net()
        self.assertEqual(self.listed("net")["nics"][0]["mac"], MAC)
        self.dom0("xl network-attach net bridge=xenbr7")
        self.assertEqual(len(self.dom0("xl network-list net").splitlines()), 3)
        self.assertEqual(len(self.listed("net")["nics"]), 2)
        self.dom0("xl network-detach net 0")
        self.assertEqual(len(self.dom0("xl network-list net").splitlines()), 2)
        self.dom0("xl destroy net")
        self.assert_soon(lambda: self.names() == [])
        self.assert_soon(lambda: self.dom0(f"ip link | grep vif{domid} || true") == "")

    def test_a_disk_that_they_give_goes_with_the_guest(self):
        self.dom0("modprobe -a xen-blkback brd")
        for end in ("xl destroy one", f"{self.programs}/spratctl destroy one"):
            self.create(self.cfg, "--name", "one")
            self.dom0("xl block-attach one phy:/dev/ram0 xvda w")
            self.assertEqual(len(self.dom0("xl block-list one").splitlines()), 2)
            self.dom0(end)
            self.assert_soon(lambda: self.names() == [])

    def test_a_saved_guest_is_restored(self):
        self.create(self.cfg, "--name", "one")
        self.listed("one")
        for _ in range(2):
            self.dom0("timeout 30 xl save -c one /tmp/saved")  # and goes on
        self.assertEqual(self.names(), ["one"])
        self.dom0("timeout 60 xl save one /tmp/saved")
        self.assert_soon(lambda: self.names() == [])
        self.dom0("xl restore -e /tmp/saved; rm /tmp/saved")
        self.assertEqual(self.guests(), ["one"])
        self.assertEqual(self.names(), [])  # it is xl's now
        self.dom0("timeout 20 xl shutdown -w one; xl destroy one 2>/dev/null || true")

    def uuid(self, name):
        """Return what xl lists as a domain's UUID."""
        return self.dom0(f"xl list -v {name}").splitlines()[1].split()[6]

    def test_what_they_know_of_a_guest_that_is_restored_at_once_stays(self):
        for name in ("one", "two"):
            self.create(self.cfg, "--name", f"old-{name}")
            self.dom0(f"xl rename old-{name} {name}")  # it writes below /vm
        one, two = self.uuid("one"), self.uuid("two")
        self.listed("one")
        self.dom0("timeout 60 xl save one /tmp/saved && xl restore -e /tmp/saved; rm /tmp/saved")
        self.ctl("destroy", "two")
        self.assert_soon(lambda: two not in self.dom0("xenstore-ls /vm"))
        self.assertIn(one, self.dom0("xenstore-ls /vm"))
        self.dom0("xl destroy one")

    def test_what_they_are_about_to_write_of_a_guest_that_goes_goes(self):
        self.dom0("modprobe -a xen-netback bridge; ip link show xenbr7 >/dev/null 2>&1 ||"
                  " { ip link add xenbr7 type bridge && ip link set xenbr7 up; }")  # fmt: skip
        for _ in range(5):
            domid = self.create(self.cfg, "--name", "one")[0]["domid"]
            lock = f"/var/lib/xen/userdata-l.{domid}.{self.uuid('one')}.domain-userdata-lock"
            self.dom0(f"xl network-attach one bridge=xenbr7 mac={MAC} >/dev/null 2>&1 & "
                      f"until [ -e {lock} ]; do :; done; {self.programs}/spratctl destroy one;"
                      " wait")  # fmt: skip
        self.assert_soon(lambda: self.dom0(f"{FILES}; {NODES}") == "")

    def test_what_they_knew_of_domains_that_a_power_cut_took_goes(self):
        self.create(self.cfg, "--name", "one")
        files = self.dom0(FILES)
        self.dom0(f"xl create -q -e {self.cfg} name='\"two\"'")
        theirs = self.uuid("two")
        gone = "6e0bd9b5-0a3b-4a44-8b4c-1c0dd2f0a9f1"
        self.dom0(f"cd /var/lib/xen && touch userdata-d.7777.{gone}.libxl-json"
                  f" userdata-d.7777.{gone}.xl; xenstore-write /vm/{gone}/name gone")  # fmt: skip
        self.replace_daemon()
        self.assert_soon(lambda: gone not in self.dom0(f"{FILES}; xenstore-ls -f /vm"))
        self.assertIn(theirs, self.dom0(FILES))
        self.assertIn(theirs, self.dom0("xenstore-ls /vm"))
        self.assertIn(files.strip(), self.dom0(FILES))
        self.dom0("xl destroy two")

    def test_they_ask_it_to_end(self):
        self.create(self.cfg, "--name", "one")
        self.create(self.write("two", extra="stay", on_reboot="restart"), "--name", "two")
        self.dom0("timeout 20 xl shutdown -w one")
        first = self.dom0("xl domid two")
        self.dom0("xl reboot two")
        self.assert_soon(lambda: self.dom0("xl domid two || true") not in ("", first))
        self.assert_soon(lambda: READY in self.ctl("log", "two")[0]["console"])

    def test_what_libxl_keeps_comes_again_with_the_next_daemon(self):
        self.create(self.cfg, "--name", "one")
        self.dom0(f"kill -9 {self.spratd}; rm /var/lib/xen/userdata-d.*")
        self.start()
        self.assertEqual(self.listed("one")["c_info"]["name"], "one")


if __name__ == "__main__":
    unittest.main()
