# SPDX-License-Identifier: BSD-2-Clause
"""A network that loses, delays, doubles, corrupts and reorders packets, between dom0 and guests in
the lab that $SPRAT_LAB names: what comes is what was sent."""

import hashlib
import unittest

from support import ROOT, bring, console, create, dom0, eventually

from spratlib import losspath

NETEM = "delay 5ms 1ms loss 2% duplicate 1% corrupt 1% reorder 5%"
DOM0, HTTPD, ECHO = "10.9.0.1", "10.9.0.2", "10.9.0.3"  # on no other path
PAGE = ROOT / "examples/httpd/www/index.html"
KIB, FETCHES = 512, 10


class Loss(unittest.TestCase):
    """Each client waits as long as its peer needs."""

    @classmethod
    def setUpClass(cls):
        prefix = bring("/tmp/loss", (losspath.PACKAGE,), losspath.PROGRAMS)
        cls.path = f'ip="{prefix}ip" tc="{prefix}tc"\n{losspath.FUNCTIONS}'
        dom0(f"{cls.path} losspath {NETEM} && $ip addr add {DOM0}/24 dev end")
        create("httpd", "lossy-httpd", f"sprat.ip={HTTPD}/24", memory=2)
        create("echo", "lossy-echo", f"sprat.ip={ECHO}/24", memory=8)
        eventually(lambda: "serving" in console("lossy-httpd"))

    @classmethod
    def tearDownClass(cls):
        dom0(f"{cls.path} xl destroy lossy-httpd; xl destroy lossy-echo; no_losspath;"
             " rm -f /var/log/xen/console/guest-lossy-*.log /tmp/sent /tmp/back")  # fmt: skip

    def test_bulk_both_ways(self):
        """A file goes to echo and comes back."""
        dom0(f"dd if=/dev/urandom of=/tmp/sent bs=1024 count={KIB} 2>/dev/null;"
             f" timeout 200 nc {ECHO} 7 </tmp/sent >/tmp/back;"
             " cmp /tmp/sent /tmp/back")  # fmt: skip
        for link in "far", "mid":
            told = dom0(f"{self.path} $tc -s qdisc show dev {link}")
            self.assertNotIn("dropped 0,", told)

    def test_pages(self):
        """Short connections: a lost request, answer or end is repeated in time."""
        fetch = f"timeout 100 wget -q -O - http://{HTTPD}/ | sha256sum"
        sums = dom0(f"for i in $(seq {FETCHES}); do {fetch}; done").split()[::2]
        self.assertEqual(sums, FETCHES * [hashlib.sha256(PAGE.read_bytes()).hexdigest()])


if __name__ == "__main__":
    unittest.main()
