# SPDX-License-Identifier: BSD-2-Clause
"""Carrier-grade NAT: many inside hosts on "right", the Internet on "left"."""

import unittest

from hosts import TrafficTest, pings, swap_words

SERVER = "198.51.100.7"


class NAT(TrafficTest):
    CONFIG = "nat"
    PREPARE = f"""
        host left 192.0.2.254/24 {SERVER}/32
        host right 100.64.0.5/10 100.64.0.6/10 100.64.0.7/10 100.64.0.8/10
        on right ip route add default via 100.64.0.1 src 100.64.0.5"""

    def test_connections_and_pings_pass_as_the_pools_own(self):
        said = self.play(f"""
            web left {SERVER} 80
            get right {SERVER} 80 bulk | cmp - /tmp/web/{SERVER}/bulk && echo equal
            on right ping -q -A -c 3 {SERVER}
            on right ping -q -A -c 3 -I 100.64.0.6 {SERVER}
            on left ping -q -c 1 -W 1 192.0.2.1 || true
            value rw.tcp_table""")
        self.assertIn("equal", said)
        self.assertEqual(pings(said), [3, 3, 0])
        self.assertRegex(said, rf"\(100\.64\.0\.5, \d+, {SERVER}, 80\) => \(192\.0\.2\.1, ")

    def test_each_host_has_its_block_of_ports(self):
        said = self.play(f"""
            start left 9 $peer echo {SERVER} 9
            for host in 5 6 7 8; do
                on right $peer ask 100.64.0.$host 5000 {SERVER} 9 from-$host
            done
            value pool.blocks""")
        seen = {}
        for number, (address, port, text) in enumerate(
                line.split() for line in said.splitlines()[:4]):  # fmt: skip
            self.assertEqual((address, text), ("192.0.2.1", f"from-{number + 5}"))
            seen[int(port) // 256] = port
            self.assertRegex(said, rf"192\.0\.2\.1 {int(port) // 256 * 256}-\d+ 100\.64\.0\."
                                   rf"{number + 5} \d+ flows")  # fmt: skip
        self.assertEqual(len(seen), 4)

    def test_inside_hosts_reach_each_other_by_their_outside_addresses(self):
        said = self.play(f"""
            start left 9 $peer echo {SERVER} 9
            on right $peer ask 100.64.0.5 5000 {SERVER} 9 one >/tmp/one
            on right $peer ask 100.64.0.6 5000 {SERVER} 9 two >/tmp/two
            read -r address port1 text </tmp/one; read -r address port2 text </tmp/two
            on right $peer send 100.64.0.6 5000 192.0.2.1 $port1 1 5
            on right $peer hear 100.64.0.6 5000 1 >/tmp/hears & wait=$!
            until on right netstat -lun | grep -q 100.64.0.6:5000; do usleep 10000; done
            on right $peer send 100.64.0.5 5000 192.0.2.1 $port2 1 5
            wait $wait; cat /tmp/hears; echo port $port1""")
        port = said.split()[-1]
        self.assertRegex(said, rf"(?m)^192\.0\.2\.1 {port} 0000000000$")

    def test_flows_and_blocks_survive_a_swap(self):
        said = self.play(f"""
            start left 9 $peer echo {SERVER} 9
            on right $peer ask 100.64.0.7 7000 {SERVER} 9 before
            {swap_words(self.config().replace("Queue(512)", "Queue(100)"))} >/dev/null
            on right $peer ask 100.64.0.7 7000 {SERVER} 9 after
            value rw.udp_table | grep -c 7000""").split("\n")
        self.assertEqual(said[0].replace("before", ""), said[1].replace("after", ""))
        self.assertEqual(said[2], "1")

    def test_a_host_that_is_not_reached_is_told_of(self):
        said = self.play(f"on right traceroute -n -q 1 -w 3 -m 2 {SERVER}")
        self.assertRegex(said, rf"2  {SERVER} |1  {SERVER} ")


if __name__ == "__main__":
    unittest.main(verbosity=2)
