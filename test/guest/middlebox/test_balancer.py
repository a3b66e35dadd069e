# SPDX-License-Identifier: BSD-2-Clause
"""The load balancer: clients on "left", two servers on "right"."""

import unittest

from hosts import TrafficTest

SERVERS = ["10.0.0.11", "10.0.0.12"]


class Balancer(TrafficTest):
    CONFIG = "balancer"
    PREPARE = """
        host left 192.0.2.254/24 198.51.100.7/32
        host right 10.0.0.11/24 10.0.0.12/24
        on right ip route add default via 10.0.0.1
        web right 10.0.0.11 80; first=$!; web right 10.0.0.12 80"""

    def test_servers_share_and_one_that_ends_gets_no_more(self):
        said = self.play("""
            wait_for servers.down0 false; wait_for servers.down1 false
            for i in 1 2 3 4; do get left 192.0.2.10 80 name; done
            kill $first; wait_for servers.down0 true
            for i in 1 2; do get left 192.0.2.10 80 name; done
            web right 10.0.0.11 80; wait_for servers.down0 false
            for i in 1 2; do get left 192.0.2.10 80 name; done
            try left 192.0.2.10 81 name""").split()
        self.assertEqual(sorted(said[:4]), sorted(SERVERS * 2))
        self.assertEqual(said[4:6], SERVERS[1:] * 2)
        self.assertEqual(sorted(said[6:8]), SERVERS)
        self.assertEqual(said[8], "nothing")


if __name__ == "__main__":
    unittest.main(verbosity=2)
