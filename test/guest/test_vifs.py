# SPDX-License-Identifier: BSD-2-Clause
"""Interfaces of a guest under traffic, behind Linux' netback: what they do when it starts again,
and when they are plugged in and out."""

import os
import re
import unittest

from support import bring, console, create, dom0, eventually

PLACE = f"/tmp/vifs-{os.getpid()}"  # in dom0
ECHO = "10.0.0.118"  # nobody else's in these tests
NAME = "vifs-echo"
DRIVER = "/sys/bus/xen-backend/drivers/vif"


class Connection(unittest.TestCase):
    """A connection to echo, with bytes on their way all the time."""

    @classmethod
    def setUpClass(cls):
        cls.nc = bring(PLACE, ["netcat-openbsd"], ["nc.openbsd"]) + "nc.openbsd"
        create("echo", NAME, f"sprat.ip={ECHO}/24", memory=2)
        eventually(lambda: "1 packets received" in dom0(f"ping -c 1 -W 2 {ECHO} 2>&1 || true"))

    @classmethod
    def tearDownClass(cls):
        dom0(f"xl destroy {NAME}; rm -rf {PLACE}")

    def setUp(self):
        """Begin to send numbers, until a file is there."""
        dom0(f"rm -f {PLACE}/enough {PLACE}/status; cd {PLACE}; (n=1; until [ -e enough ]; do"
             " seq $n $((n + 999)) || break; n=$((n + 1000)); done | tee sent |"
             f" timeout 150 {self.nc} -N {ECHO} 7 >back; echo $? >status)"
             " >/dev/null 2>&1 &")  # fmt: skip
        self.goes_on()

    def goes_on(self):
        """Wait until more has come back."""
        size = f"wc -c <{PLACE}/back 2>/dev/null || echo 0"
        before = int(dom0(size))
        eventually(lambda: int(dom0(size)) > before, 100)

    @staticmethod
    def status():
        """Wait until the client has ended; return its status."""
        return int(eventually(lambda: dom0(f"cat {PLACE}/status 2>/dev/null || true"), 100))

    def ends_whole(self):
        """What was sent has come back, all of it."""
        dom0(f"touch {PLACE}/enough")
        self.assertEqual(self.status(), 0)
        self.assertEqual(dom0(f"cd {PLACE}; cmp sent back 2>&1 || true"), "")

    def test_it_outlives_its_backend(self):
        domain = dom0(f"xl domid {NAME}").strip()
        device, path = f"vif-{domain}-0", f"/local/domain/0/backend/vif/{domain}/0"
        again = (f"echo {device} >{DRIVER}/unbind; echo {device} >{DRIVER}/bind;"
                 f" vif=vif{domain}.0 XENBUS_PATH={path}"
                 " /etc/xen/scripts/vif-bridge online")  # fmt: skip
        for times in 1, 3:  # the last ones while it connects
            dom0("; ".join([again] * times))
            self.goes_on()
        self.ends_whole()
        self.assertNotIn("fault", console(NAME))

    def test_it_ends_with_its_interface_and_another_takes_its_place(self):
        dom0(f"xl network-detach {NAME} 0")
        eventually(lambda: "vif0: unplugged" in console(NAME))
        dom0(f"xl network-attach {NAME} bridge=xenbr0")
        self.status()  # the guest knows nothing of the connection, and says so
        self.setUp()
        self.ends_whole()


class Queues(unittest.TestCase):
    """An interface of two queues, which netback offers when it is told to."""

    MAX = "/sys/module/xen_netback/parameters/max_queues"
    ADDRESS = "10.0.0.119"
    FLOWS = 8

    @classmethod
    def setUpClass(cls):
        cls.nc = bring(PLACE, ["netcat-openbsd"], ["nc.openbsd"]) + "nc.openbsd"

    def test_connections_share_them(self):
        was = dom0(f"cat {self.MAX}; echo 2 >{self.MAX}").strip()
        self.addCleanup(dom0, f"xl destroy vifs-two; echo {was} >{self.MAX}; rm -rf {PLACE}")
        create("echo", "vifs-two", f"sprat.ip={self.ADDRESS}/24 sprat.queues=2", memory=4)
        eventually(lambda: "1 packets received" in
                   dom0(f"ping -c 1 -W 2 {self.ADDRESS} 2>&1 || true"))  # fmt: skip
        domain = dom0("xl domid vifs-two").strip()
        before = self.packets(domain)
        dom0(f"cd {PLACE}; for i in $(seq {self.FLOWS}); do seq $i 20000 |"
             f" timeout 100 {self.nc} -N {self.ADDRESS} 7 >back-$i & done; wait;"
             f" for i in $(seq {self.FLOWS}); do seq $i 20000 | cmp - back-$i || exit 1; done")
        after = self.packets(domain)
        self.assertEqual(len(after), 4)  # sending and receiving, each by both
        for ring, n in after.items():
            self.assertGreater(n, before[ring] + 20, ring)

    @staticmethod
    def packets(domain):
        """Return how much netback has answered on each ring."""
        debug = "/sys/kernel/debug"
        text = dom0(f"[ -d {debug}/xen-netback ] || mount -t debugfs debugfs {debug};"
                    f" cat {debug}/xen-netback/vif{domain}.0/io_ring_q*")  # fmt: skip
        found = re.findall(r"(Queue \d+)\nTX:.*?rsp prod (\d+).*?RX:.*?rsp prod (\d+)", text, re.S)
        return {f"{queue} {way}": int(n) for queue, *both in found for way, n in zip("TR", both)}


if __name__ == "__main__":
    unittest.main(verbosity=2)
