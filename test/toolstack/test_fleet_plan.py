# SPDX-License-Identifier: BSD-2-Clause
"""The arithmetic of a fleet: names, addresses, bridges, and the files made of them."""

import ipaddress
import pathlib
import tempfile
import unittest
from xml.etree import ElementTree

from spratlib import fleet_plan
from spratlib.errors import SpratError, UsageError

BASE = """# SPDX-License-Identifier: BSD-2-Clause
# Made by CMake
name = "hello"
type = "pv"
kernel = "/b/hello.xen"
memory = 1
extra = "old"
on_crash = "preserve"
"""


def plan(**fields):
    return fleet_plan.Plan(**{"cfg": "hello", "count": 3, **fields})


class PlanTest(unittest.TestCase):
    def refused(self, reason, **fields):
        with self.assertRaisesRegex(UsageError, reason):
            fleet_plan.guests_of("web", plan(**fields))

    def test_nothing_collides_in_a_large_fleet(self):
        guests = fleet_plan.guests_of("web", plan(
            count=32000, net4="10.0.0.0/16", net6="fd00::/64",
            bridges=tuple(f"br{i}" for i in range(32))))  # fmt: skip
        for field in ("name", "uuid", "mac", "ip4", "ip6"):
            self.assertEqual(len({getattr(guest, field) for guest in guests}), 32000, field)
        network = ipaddress.ip_network("10.0.0.0/16")
        for guest in guests:
            address = ipaddress.ip_interface(guest.ip4)
            self.assertIn(address.ip, network)
            self.assertNotIn(address.ip, (network[0], network[1], network.broadcast_address))
            self.assertEqual(int(guest.mac[:2], 16) & 3, 2)  # locally administered, one station
        ports = [sum(guest.bridge == f"br{i}" for guest in guests) for i in range(32)]
        self.assertEqual(max(ports), 1000)

    def test_a_plan_gives_the_same_each_time_and_keeps_it_when_it_grows(self):
        few = fleet_plan.guests_of("web", plan(count=10, net4="10.0.0.0/24"))
        many = fleet_plan.guests_of("web", plan(count=20, net4="10.0.0.0/24"))
        self.assertEqual(few, many[:10])

    def test_what_cannot_be_is_refused_with_a_sentence(self):
        self.refused("room for 253 guests", count=254, net4="10.0.0.0/24")
        self.refused("is no network", net4="10.0.0.1/24")
        self.refused("need 2 bridges", count=1024, bridges=("br0",))
        self.refused("twice", name="same")
        self.refused("no placeholder {ip}", name="a{ip}")
        self.refused("letters, digits", name="a/{n}")
        self.refused("no mere number", name="{n}")
        self.refused("longer than 63", name="a" * 63 + "{n}")
        self.refused("write {{ for a brace", name="a{n")
        self.refused("1 to 32000", count=32001)

    def test_a_cfg_is_the_images_with_what_is_the_guests_own(self):
        wanted = plan(memory=2, cpus="2-3", bridges=("br0",), net4="10.0.0.0/24", net6="fd00::/64",
                      cmdline='--name {name} "{ip4}"')  # fmt: skip
        guest = fleet_plan.guests_of("web", wanted)[1]
        text = fleet_plan.cfg_text("web", wanted, guest, BASE)
        self.assertIn('name = "web-2"\n', text)
        self.assertIn("memory = 2\n", text)
        self.assertIn(r'extra = "--name web-2 \"10.0.0.3/24\""', text)
        self.assertIn(f'vif = [ "mac={guest.mac},bridge=br0,ip=10.0.0.3 fd00::3" ]\n', text)
        self.assertIn('on_crash = "preserve"', text)
        self.assertEqual(text.count("name ="), 1)
        self.assertNotIn('"old"', text)

    def test_libvirt_gets_the_same_guest(self):
        wanted = plan(bridges=("br0",), cmdline="<&>")
        guest = fleet_plan.guests_of("web", wanted)[0]
        text = fleet_plan.cfg_text("web", wanted, guest, BASE)
        domain = ElementTree.fromstring(fleet_plan.libvirt_text(text))
        self.assertEqual(domain.findtext("name"), "web-1")
        self.assertEqual(domain.findtext("os/cmdline"), "<&>")
        self.assertEqual(domain.find("devices/interface/mac").get("address"), guest.mac)

    def test_fleets_beside_one_another_do_not_clash(self):
        with tempfile.TemporaryDirectory() as name:
            parent = pathlib.Path(name)
            base = parent / "hello.cfg"
            base.write_text(BASE)
            fleet_plan.write(parent / "web", plan(cfg=str(base), name="x{n}"))
            with self.assertRaisesRegex(SpratError, "fleet web has a guest x1 too"):
                fleet_plan.write(parent / "db", plan(cfg=str(base), name="x{n}"))
            fleet_plan.write(parent / "web", plan(cfg=str(base), name="x{n}", count=1))
            self.assertEqual(len(list((parent / "web").glob("*.cfg"))), 1)
            self.assertEqual(fleet_plan.read(parent / "web").count, 1)


if __name__ == "__main__":
    unittest.main()
