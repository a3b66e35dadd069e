# SPDX-License-Identifier: BSD-2-Clause
"""The arithmetic of a fleet: names, addresses, bridges, and the files made of them."""

import hashlib
import ipaddress
import pathlib
import tempfile
import unittest
import unittest.mock
from xml.etree import ElementTree

from spratlib import fleet_libvirt, fleet_plan, guest_cfg
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
    return fleet_plan.Plan(**{"cfg": "hello", "count": 3, "base": BASE, **fields})


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

    def test_a_setting_is_replaced_whatever_lines_it_takes(self):
        base = """name = 'old'; memory = 1 # of both
disk = [ # two
  "phy:/dev/a,xvda,w",
  'phy:/dev/b,xvdb,w' # and ] no more
]
vif = [ "mac=02:00:00:00:00:01,bridge=b", ]
root = "/dev/xvda"
cmdline = "old \\\" words; memory = 7"
on_crash \\
 = "preserve"
names = "kept"
"""
        given = plan(base=base, disks=("phy:/dev/{n},xvda,w",), bridges=("br0",), cmdline="new",
                     memory=4, restart=True)  # fmt: skip
        (guest, *_) = fleet_plan.guests_of("web", given)
        text = fleet_plan.cfg_text("web", given, guest)
        self.assertEqual(guest_cfg.parse(text),
                         {"name": "web-1", "uuid": guest.uuid, "memory": 4, "extra": "new",
                          "on_crash": "restart", "on_poweroff": "restart",
                          "names": "kept"})  # fmt: skip
        self.assertEqual(guest_cfg.lists(text),
                         {"disk": ["phy:/dev/1,xvda,w"],
                          "vif": [f"mac={guest.mac},bridge=br0"]})  # fmt: skip
        for gone in ("xvdb", "no more", "old", "of both"):
            self.assertNotIn(gone, text)
        self.assertEqual(guest_cfg.without(base, ()), base)

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
        self.refused("no placeholder {n}", name="a{n!r}")
        self.refused("1 to 32000", count=32001)
        self.refused("1 to 32000", count=0)

    def test_a_cfg_is_the_images_with_what_is_the_guests_own(self):
        wanted = plan(memory=2, cpus="2-3", bridges=("br0",), net4="10.0.0.0/24", net6="fd00::/64",
                      cmdline='--name {name} "{ip4}"')  # fmt: skip
        guest = fleet_plan.guests_of("web", wanted)[1]
        text = fleet_plan.cfg_text("web", wanted, guest)
        self.assertIn('name = "web-2"\n', text)
        self.assertIn("memory = 2\n", text)
        self.assertIn('cpus = "2-3"\n', text)
        for key, value, line in (("vcpus", 1, "vcpus = 1\n"), ("pool", "p", 'pool = "p"\n')):
            self.assertIn(line, fleet_plan.cfg_text("web", plan(**{key: value}), guest))
        self.assertIn(r'extra = "--name web-2 \"10.0.0.3/24\""', text)
        self.assertIn(f'vif = [ "mac={guest.mac},bridge=br0,ip=10.0.0.3 fd00::3" ]\n', text)
        self.assertIn('on_crash = "preserve"', text)
        self.assertEqual(text.count("name ="), 1)
        self.assertNotIn("Made by CMake", text)
        self.assertNotIn('"old"', text)
        text = fleet_plan.cfg_text("web", plan(restart=True), guest)
        self.assertIn('on_poweroff = "restart"\non_crash = "restart"\n', text)
        self.assertNotIn('"preserve"', text)

    def test_each_guest_has_disks_of_its_own(self):
        wanted = plan(disks=("file:/srv/{name}.img,xvda,w", "phy:/dev/vg/common,xvdb,r"))
        texts = [fleet_plan.cfg_text("web", wanted, guest)
                 for guest in fleet_plan.guests_of("web", wanted)]  # fmt: skip
        self.assertIn('disk = [ "file:/srv/web-2.img,xvda,w", "phy:/dev/vg/common,xvdb,r" ]\n',
                      texts[1])  # fmt: skip
        one = BASE + 'disk = [ "vdev=xvda,access=rw,target=/srv/a" ]\n'
        both = "web-1 and web-2 would both write the disk"
        self.refused(f"{both} vdev=xvda", base=one)
        self.refused(f"{both} /srv/a", disks=("/srv/a,raw,xvda,rw",))
        self.refused("no placeholder {m}", disks=("/srv/{m},raw,xvda,rw",))
        self.assertEqual(len(fleet_plan.guests_of("web", plan(count=1, base=one))), 1)
        for spec in ("phy:/a,xvda,r", "phy:/a,xvda,ro", "vdev=xvda,access=ro,target=/a"):
            self.assertEqual(len(fleet_plan.guests_of("web", plan(disks=(spec,)))), 3)
        self.refused(both, disks=("vdev=xvda,target=/a,r",))  # a part of the target
        text = fleet_plan.cfg_text("web", plan(count=1, base=one, disks=("phy:/a,xvda,r",)),
                                   fleet_plan.guests_of("web", plan())[0])  # fmt: skip
        self.assertEqual(text.count("disk ="), 1)

    def test_a_command_line_that_no_guest_can_get_is_refused(self):
        guest = fleet_plan.guests_of("web", plan())[0]
        for reason, cmdline in (("end of line", "a\nmemory = 9"), ("NUL", "a\0"),
                                ("1024 bytes, but Xen hands over 1023", "é" * 512)):  # fmt: skip
            with self.assertRaisesRegex(SpratError, reason):
                fleet_plan.cfg_text("web", plan(cmdline=cmdline), guest)
        self.assertIn("é" * 511, fleet_plan.cfg_text("web", plan(cmdline="é" * 511), guest))

    def test_libvirt_gets_the_same_guest(self):
        wanted = plan(bridges=("br0",), net4="10.0.0.0/24", cmdline="<&>", cpus="2-3", pool="p")
        wanted.base += 'tsc_mode = "native"\nmax_grant_frames = 1\nmax_maptrack_frames = 0\n'
        guest = fleet_plan.guests_of("web", wanted)[0]
        text = fleet_libvirt.domain(fleet_plan.cfg_text("web", wanted, guest))
        domain = ElementTree.fromstring(text)
        for path, value in (("name", "web-1"), ("uuid", guest.uuid), ("memory", "1"),
                            ("os/kernel", "/b/hello.xen"), ("os/cmdline", "<&>"), ("vcpu", "1"),
                            ("on_crash", "preserve"), ("on_reboot", "restart")):  # fmt: skip
            self.assertEqual(domain.findtext(path), value)
        for path, key, value in (
            ("memory", "unit", "MiB"), ("vcpu", "cpuset", "2-3"),
            ("os/type", "machine", "xenpv"), ("clock/timer", "mode", "native"),
            ("devices/interface/mac", "address", guest.mac),
            ("devices/interface/source", "bridge", "br0"),
            ("devices/interface/ip", "address", "10.0.0.2"),
            ("devices/controller", "maxGrantFrames", "1"), ("devices/console", "type", "pty"),
        ):  # fmt: skip
            self.assertEqual(domain.find(path).get(key), value)
        self.assertIn("libvirt has no pool; the cfg says p", text)
        self.assertIn("libvirt has no max_maptrack_frames", text)

    def beside(self, **others):
        """Write fleets beside one another; return their folders' parent."""
        parent = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, fields in others.items():
            (parent / name).mkdir()
            fleet_plan.write(parent / name, plan(**fields))
        return parent

    def test_fleets_beside_one_another_do_not_clash(self):
        net = {"bridges": ("br0", "br1"), "net4": "10.0.0.0/16", "count": 10}
        parent = self.beside(web={"name": "x{n}"}, net=net)
        for reason, fields in (
            ("fleet web has a guest x1 too", {"name": "x{n}"}),
            ("fleet net has some of these IP addresses",
             {"bridges": ("br1",), "net4": "10.0.0.0/24"}),
        ):  # fmt: skip
            with self.assertRaisesRegex(SpratError, reason):
                fleet_plan.check(parent / "db", plan(**fields))
        fleet_plan.check(parent / "db", plan(bridges=("br0",), net6="fd00::/64"))
        fleet_plan.check(parent / "db", plan(bridges=("br2",), net4="10.0.0.0/24"))
        for net4 in ("9.255.0.0/24", "10.1.0.0/24"):
            fleet_plan.check(parent / "db", plan(bridges=("br1",), net4=net4))
        same_digest = hashlib.sha256(b"web")  # as two names in 16 million have it
        with unittest.mock.patch("hashlib.sha256", return_value=same_digest):
            with self.assertRaisesRegex(SpratError, "the same MAC addresses: rename it"):
                fleet_plan.check(parent / "db", plan())

    def test_a_smaller_plan_takes_files_away_and_keeps_those_a_person_changed(self):
        parent = self.beside(web={})
        own = parent / "web/web-1.cfg"
        own.write_text("mine")
        fleet_plan.write(parent / "web", plan(count=2), libvirt=False, keep=True)
        self.assertEqual({path.name for path in (parent / "web").iterdir()},
                         {"web-1.cfg", "web-2.cfg", "plan.json"})  # fmt: skip
        self.assertEqual(own.read_text(), "mine")
        self.assertEqual(fleet_plan.read(parent / "web").count, 2)

    def test_a_plan_that_cannot_be_read_is_told(self):
        parent = self.beside(web={})
        old = '{"cfg": "hello", "count": 3, "bridges": [], "base": ""}'
        for text in ("", "{", "[]", "{}", old):
            (parent / "web/plan.json").write_text(text)
            with self.assertRaisesRegex(SpratError, "plan.json cannot be read"):
                fleet_plan.read(parent / "web")
        with self.assertRaisesRegex(SpratError, "no fleet other"):
            fleet_plan.read(parent / "other")

    def test_a_fleet_has_its_own_copy_of_its_image(self):
        parent = self.beside(web={})
        folder, cfg = parent / "web", parent / "hello.cfg"
        cfg.write_text(BASE.replace("/b/hello.xen", "hello.xen"))
        for reason, content in (
            ("hello.xen", cfg.read_bytes()), ("has no kernel", b"memory = 1"),
            ("has no kernel", b"kernel = 7"), ("has no kernel", b'kernel = ""'),
            ("cannot be made a fleet of", b"kernel = '\xff'"),
        ):  # fmt: skip
            cfg.write_bytes(content)
            with self.assertRaisesRegex(SpratError, reason):
                fleet_plan.with_image(folder, plan(cfg=str(cfg)))
        cfg.write_text(BASE.replace("/b/hello.xen", "hello.xen"))
        for content in ("old", "new"):
            (parent / "hello.xen").write_text(content)
            made = fleet_plan.with_image(folder, plan(cfg=str(cfg)))
            fleet_plan.write(folder, made)
            kernel = pathlib.Path(guest_cfg.parse((folder / "web-1.cfg").read_text())["kernel"])
            self.assertEqual(kernel.read_text(), content)
        self.assertEqual(len(list(kernel.parent.iterdir())), 2)
        fleet_plan.forget_images(folder)
        self.assertEqual(list(kernel.parent.iterdir()), [kernel])
        (parent / "files.cpio").write_text("packed")
        cfg.write_text(BASE.replace("/b/hello.xen", "hello.xen") + "ramdisk = 'files.cpio'\n")
        fleet_plan.write(folder, fleet_plan.with_image(folder, plan(cfg=str(cfg))))
        ramdisk = pathlib.Path(guest_cfg.parse((folder / "web-1.cfg").read_text())["ramdisk"])
        self.assertEqual((ramdisk.parent, ramdisk.read_text()), (kernel.parent, "packed"))


if __name__ == "__main__":
    unittest.main()
