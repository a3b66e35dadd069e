# SPDX-License-Identifier: BSD-2-Clause
"""The IP router between two networks."""

import unittest

from hosts import TrafficTest, pings, swap_words


class Router(TrafficTest):
    CONFIG = "router"
    PREPARE = """
        host left 10.0.0.5/24; on left ip route add default via 10.0.0.1
        host right 10.1.0.9/24; on right ip route add default via 10.1.0.1"""

    def test_packets_of_all_sizes_pass_and_it_answers_for_itself(self):
        said = self.play("""
            on left ping -q -A -c 3 10.1.0.9
            on left ping -q -A -c 3 -s 4000 10.1.0.9
            on left ping -q -A -c 3 10.0.0.1
            on right ping -q -A -c 3 10.0.0.1
            web right 10.1.0.9 80
            get left 10.1.0.9 80 bulk | cmp - /tmp/web/10.1.0.9/bulk && echo equal""")
        self.assertEqual(pings(said), [3, 3, 3, 3])
        self.assertIn("equal", said)

    def test_a_trace_shows_it_on_the_way(self):
        said = self.play("on left traceroute -n -q 1 -w 3 -m 4 10.1.0.9")
        self.assertRegex(said, r"1  10\.0\.0\.1 .*\n 2  10\.1\.0\.9 ")

    def test_an_unknown_network_is_not_reached_until_there_is_a_route(self):
        said = self.play("""
            host right 10.1.0.9/24 10.2.0.9/24; on right ip route add default via 10.1.0.1
            on left ping -q -c 1 -W 1 10.2.0.9 || true
            ask "WRITE rt.add 10.2.0.0/16 10.1.0.9 2"
            on left ping -q -A -c 2 10.2.0.9
            value rt.table""")
        self.assertEqual(pings(said), [0, 2])
        self.assertIn("10.2.0.0/16", said)

    def test_neighbours_survive_a_swap(self):
        said = self.play(f"""
            on left ping -q -A -c 1 10.1.0.9
            value p0/arp.table
            {swap_words(self.config().replace("Queue(256)", "Queue(100)"))}
            value p0/arp.table""")
        self.assertEqual(said.lower().count("02-00-00-00-00-99"), 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
