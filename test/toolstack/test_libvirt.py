# SPDX-License-Identifier: BSD-2-Clause
"""A fleet's guests as libvirt's XML, held to libvirt's own schema, which Debian's libvirt0 has."""

import shutil
import subprocess
import sys
import unittest
from xml.etree import ElementTree

from spratlib import debtree, fleet_libvirt, fleet_plan
from spratlib.errors import SpratError

SCHEMAS = "usr/share/libvirt/schemas"
SOURCE = ("libvirt0", (f"{SCHEMAS}/*.rng",))
# As sprat_add_unikernel() writes it.
BASE = """type = "pv"
kernel = "/b/pong.xen"
memory = 2
vcpus = 1
extra = ""
vif = [ "bridge=xenbr0", "bridge=xenbr1,script=vif-own" ]

# Time stamps straight from the CPU: the guest's clock scales them as Xen says.
tsc_mode = "native"
max_grant_frames = 3
max_maptrack_frames = 0
on_poweroff = "destroy"
on_reboot = "restart"
on_crash = "destroy"
"""
DISKS = """disk = [ "phy:/dev/vg/a,xvda,w", "file:/b/a.img,xvdb,r", "/b/a.q,qcow2,xvdd,rw",
         "format=raw,vdev=xvdc,access=rw,backendtype=phy,script=block,target=/b/k,v.img" ]
"""
CMDLINES = ("", "stay {n}", 'a <&> "q" \'s\' ]]> --x \\ é')
KINDS = {
    "as built": {},
    "devices": {"bridges": ("br0",), "net4": "10.0.0.0/24", "net6": "fd00::/64"},
    "v6 alone": {"bridges": ("br0",), "net6": "fd00::/64"},
    "no address": {"bridges": ("br0",)},
    "placed": {"cpus": "2-3,^2", "pool": "night--shift-", "memory": 16, "restart": True},
    "disks": {"base": BASE + DISKS},
    "other words": {"base": BASE.replace("native", "always_emulate") + "maxmem = 4\n"},
}


def xml_of(number=1, **fields):
    wanted = fleet_plan.Plan(**{"cfg": "pong", "count": number, "base": BASE, **fields})
    guest = fleet_plan.guests_of("web", wanted)[number - 1]
    return fleet_libvirt.domain(fleet_plan.cfg_text("web", wanted, guest))


class SchemaTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if shutil.which("xmllint") is None:
            raise SpratError("xmllint is not here; scripts/setup installs it")
        report = lambda line: print(line, file=sys.stderr)  # noqa: E731
        cls.schema = debtree.make((), report, extra=[SOURCE]) / SCHEMAS / "domain.rng"

    def check(self, xml):
        """What libvirt's schema has against it: nothing, or xmllint's complaint."""
        command = ["xmllint", "--noout", "--nonet", "--relaxng", self.schema, "-"]
        done = subprocess.run(command, input=xml, capture_output=True, text=True, timeout=60,
                              check=False)  # fmt: skip
        return done.stderr if done.returncode else ""

    def test_all_that_a_plan_can_say_is_libvirts(self):
        for kind, fields in KINDS.items():
            for cmdline in CMDLINES:
                with self.subTest(kind, cmdline=cmdline):
                    self.assertEqual(self.check(xml_of(**fields, cmdline=cmdline)), "")

    def test_the_schema_refuses_what_libvirt_would(self):
        xml = xml_of(**KINDS["devices"], cmdline="a")
        for right, wrong in (
            ("xenpv", "xenpc"), ("'bridge'", "'brigde'"), ('unit="MiB"', 'unit="MuB"'),
            ("<vcpu>1<", "<vcpu>one<"), ("on_crash>destroy", "on_crash>forget"),
            ('mode="native"', 'mode="naive"'), ("maxGrantFrames", "max_grant_frames"),
            ('address="02:', 'address="2:'), ("</devices>", "<disc/></devices>"),
            ('address="10.0.0.2"', 'address="10.0.0.256"'), ("<cmdline>a</cmdline>", "a<"),
        ):  # fmt: skip
            with self.subTest(wrong):
                self.assertIn(right, xml)
                self.assertNotEqual(self.check(xml.replace(right, wrong)), "")


class DomainTest(unittest.TestCase):
    def test_the_command_line_is_the_guests_to_the_letter(self):
        for cmdline in CMDLINES:
            domain = ElementTree.fromstring(xml_of(2, cmdline=cmdline))
            self.assertEqual(domain.findtext("os/cmdline"), cmdline.replace("{n}", "2"))
        domain = ElementTree.fromstring(xml_of(base=BASE.replace('extra = ""', 'cmdline = "x"')))
        self.assertEqual(domain.findtext("os/cmdline"), "x")

    def test_memory_is_what_it_has_and_may_have(self):
        for more, most in (("", "2"), ("maxmem = 4\n", "4")):
            domain = ElementTree.fromstring(xml_of(base=BASE + more))
            sizes = [domain.findtext(name) for name in ("currentMemory", "memory")]
            self.assertEqual(sizes, ["2", most])

    def test_every_interface_and_disk_is_there(self):
        domain = ElementTree.fromstring(xml_of(base=BASE + DISKS))
        bridges = [e.get("bridge") for e in domain.findall("devices/interface/source")]
        self.assertEqual(bridges, ["xenbr0", "xenbr1"])
        self.assertEqual(domain.find("devices/interface/script").get("path"), "vif-own")
        disks = [(e.get("type"), dict(e.find("source").items()), e.find("target").get("dev"),
                  e.find("readonly") is None) for e in domain.findall("devices/disk")]  # fmt: skip
        self.assertEqual(disks, [("block", {"dev": "/dev/vg/a"}, "xvda", True),
                                 ("file", {"file": "/b/a.img"}, "xvdb", False),
                                 ("file", {"file": "/b/a.q"}, "xvdd", True),
                                 ("file", {"file": "/b/k,v.img"}, "xvdc", True)])  # fmt: skip
        drivers = [dict(e.items()) for e in domain.findall("devices/disk/driver")]
        self.assertEqual(drivers, [{"name": "qemu", "type": "qcow2"},
                                   {"name": "phy", "type": "raw"}])  # fmt: skip

    def test_what_libvirt_has_no_word_for_is_said(self):
        xml = xml_of(**KINDS["placed"], base=BASE + DISKS + "max_event_channels = 7\nx = [ 'y' ]\n")
        for said in ("no pool; the cfg says night- -shift- -->", "no max_maptrack_frames; the cfg",
                     "no max_event_channels; the cfg says 7", "no disk script; the cfg says block",
                     "no x; the cfg says ['y']"):  # fmt: skip
            self.assertIn(f"libvirt has {said}", xml)

    def test_what_no_xml_can_have_is_refused(self):
        for reason, fields in (
            (r"character '\\x01'", {"cmdline": "a\x01"}),
            ("only a PV guest", {"base": BASE.replace('"pv"', '"pvh"')}),
            ("a disk for libvirt is like", {"base": BASE + 'disk = [ "phy:/dev/a,w" ]\n'}),
            ("not ',xvda'", {"base": BASE + 'disk = [ ",xvda" ]\n'}),
            ("not 'phy:vg/a,xvda'", {"base": BASE + 'disk = [ "phy:vg/a,xvda" ]\n'}),
        ):  # fmt: skip
            with self.assertRaisesRegex(SpratError, reason):
                xml_of(**fields)


if __name__ == "__main__":
    unittest.main()
