# SPDX-License-Identifier: BSD-2-Clause
"""Tunnel end points and the ARP and ND proxy."""

import re
import unittest

from hosts import CONF, TrafficTest, pings


def tunnel(ends):
    """Return the text of the tunnel's configuration with other words: {old: new}."""
    text = (CONF / "tunnel.click").read_text()
    names = re.findall(r"(\w+) ::", text)
    words = ends | {name: f"{name}_{ends['eth0']}" for name in names}
    return re.sub(r"[\w.:]+", lambda match: words.get(match[0], match[0]), text)


class Tunnel(TrafficTest):
    """Both ends in one guest: left - eth0 = outside = eth2, inside eth1 and eth3."""

    PREPARE = """
        host left; host third; host right 10.0.0.1/24; host fourth 10.0.0.2/24
        on left brctl addbr between; on left ip link set between up
        on third ip link set wire down; on third ip link set wire name wire2
        on third ip link set wire2 netns "$(cat $spaces/left)"
        on left brctl addif between wire; on left brctl addif between wire2
        on left ip link set wire up; on left ip link set wire2 up"""
    RESTORE = """
        on left brctl delif between wire2; on left ip link set between down
        on left brctl delbr between
        on left ip link set wire2 netns "$(cat $spaces/third)"
        on third ip link set wire2 down; on third ip link set wire2 name wire
        on third ip link set wire up"""

    @classmethod
    def config(cls):
        me, peer = "192.0.2.1/24", "192.0.2.2"
        far = {"eth0": "eth2", "eth1": "eth3", "me": "me2", "peer": "peer2",
               "192.0.2.1": "192.0.2.2", "192.0.2.2": "192.0.2.1",
               "02:00:00:00:00:01": "02:00:00:00:00:02"}  # fmt: skip
        assert me in tunnel({"eth0": "eth0"}) and peer in tunnel({"eth0": "eth0"})
        return tunnel({"eth0": "eth0"}) + tunnel(far)

    def test_hosts_at_both_ends_are_on_one_segment(self):
        said = self.play(f"""
            on right ping -q -A -c 3 10.0.0.2 || true
            on right ping -q -A -c 3 -s 1300 10.0.0.2 || true
            {self.RESTORE}""")
        self.assertEqual(pings(said), [3, 3])


class Proxy(TrafficTest):
    CONFIG = "arpproxy"
    PREPARE = """
        host left 10.0.0.9/16 fd00::9/16; host right 10.0.1.7/16 fd00:1::7/16"""

    @classmethod
    def config(cls):
        """The proxy does not write frames anew, so its address is that of the host behind it."""
        return super().config().replace("02:00:00:00:00:01", "02:00:00:00:01:99")

    def test_hosts_behind_it_are_found_and_reached(self):
        said = self.play("""
            on left arping -f -w 5 -I wire 10.0.1.7 || true
            on left ping -q -A -c 3 10.0.1.7
            until on left ping -6 -q -c 1 -W 1 fd00:1::7; do :; done
            on left ip neigh
            on left arping -f -w 1 -I wire 10.0.2.7 || true""")
        self.assertRegex(said, r"reply from 10\.0\.1\.7 \[02:00:00:00:01:99\]")
        self.assertEqual(pings(said)[0], 3)
        self.assertEqual(pings(said)[-1], 1)
        self.assertRegex(said, r"fd00:1::7 dev wire lladdr 02:00:00:00:01:99")
        self.assertNotIn("reply from 10.0.2.7", said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
