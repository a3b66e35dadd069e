# SPDX-License-Identifier: BSD-2-Clause
"""Floods against services in small guests, in the lab that $SPRAT_LAB names: honest clients are
served meanwhile, and the guest says what it dropped."""

import re
import shlex
import unittest

from support import BUILD, console, create, dom0, eventually

FLOOD, CROWD = (shlex.quote(str(BUILD / "test/guest" / name)) for name in ("flood", "crowd"))
HTTPD, DAYTIME, ECHO = "10.0.0.190", "10.0.0.191", "10.0.0.192"  # nobody else's in these tests
N = 600  # packets: more than a backlog, and than a ring
FETCHES = 3


class Floods(unittest.TestCase):
    """Each flood may cost an honest client some seconds, no more."""

    @classmethod
    def setUpClass(cls):
        create("httpd", "flooded-httpd", f"sprat.ip={HTTPD}/24", memory=2)
        create("daytime", "flooded-daytime", f"sprat.ip={DAYTIME}/24", memory=2)
        eventually(lambda: "serving" in console("flooded-httpd"))
        cls.serves()

    @classmethod
    def tearDownClass(cls):
        for name in "flooded-httpd", "flooded-daytime":
            dom0(f"xl destroy {name}; rm -f /var/log/xen/console/guest-{name}.log")

    @staticmethod
    def page_comes():
        """Say whether a page can be fetched now."""
        return "fetched" in dom0(f"timeout 20 wget -q -O - http://{HTTPD}/ | grep -q '<html' &&"
                                 " echo fetched || true")  # fmt: skip

    @staticmethod
    def serves(before=":"):
        """Fetch a page and the time, each some times; raise when one does not come."""
        page = f"timeout 20 wget -q -O - http://{HTTPD}/ | grep -q '<html'"
        time = f"timeout 20 nc {DAYTIME} 13 </dev/null | grep -q UTC"
        dom0(f"{before}; for i in $(seq {FETCHES}); do {page} && {time} || exit 1; done")

    def flood(self, *kinds):
        """Send each service some floods, and fetch behind them."""
        floods = (f"{FLOOD} {kind} {address} {port} {N}"
                  for kind in kinds for address, port in ((HTTPD, 80), (DAYTIME, 13)))  # fmt: skip
        self.serves(" && ".join(floods))

    def test_half_open_connections(self):
        """The backlog is full of those that nobody completes, and new ones get in."""
        self.flood("syn")
        # It tells of what it dropped every ten seconds, when something happens.
        told = r"net: dropped so far: .* [1-9]\d* half-open"
        eventually(lambda: (self.serves(), re.search(told, console("flooded-httpd")))[1])

    def test_datagrams_and_fragments(self):
        """Datagrams to nobody, fragments of what never comes whole, and noise."""
        self.flood("datagrams", "fragments", "noise")

    def test_slow_clients(self):
        """More slow connections than there is memory for: the oldest make room."""
        pid = dom0(f"{FLOOD} slow {HTTPD} 80 200 >/dev/null 2>&1 & echo $!").strip()
        try:
            eventually(lambda: "connections dropped so far" in console("flooded-httpd"))
            # An honest connection may be one of those that make room: its client asks again.
            eventually(self.page_comes)
        finally:
            dom0(f"kill {pid}")
        self.serves()

    def test_a_crowd_is_served_in_turn(self):
        """Ten times as many clients as 2 MiB hold at once, each to the end. Some lose a connection
        that they make no use of for two seconds."""
        done = dom0(f"ulimit -n 4096; timeout 200 {CROWD} {HTTPD} 80 600 3")
        self.assertRegex(done, r"^1800 answers, [1-4]?\d?\d broken, 600 of 600 clients through")

    def test_more_slow_clients_than_memory(self):
        """2 MiB hold some 1300 connections to echo; more come, and it answers as before."""
        create("echo", "flooded-echo", f"sprat.ip={ECHO}/24", memory=2)
        self.addCleanup(dom0, "xl destroy flooded-echo")
        command = f"ulimit -n 8192; {FLOOD} slow {ECHO} 7 1600 >/dev/null 2>&1 & echo $!"
        pid = dom0(command).strip()
        try:
            eventually(lambda: "connections dropped so far" in console("flooded-echo"))
            self.assertIn("round-trip", dom0(f"ping -c 3 -W 5 {ECHO}"))
            # This one may be one of those that make room: its client asks again.
            honest = f"(echo honest; sleep 1) | timeout 10 nc {ECHO} 7 || true"
            eventually(lambda: "honest" in dom0(honest))
        finally:
            dom0(f"kill {pid}")


if __name__ == "__main__":
    unittest.main()
