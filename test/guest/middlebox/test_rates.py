# SPDX-License-Identifier: BSD-2-Clause
"""Rate limiter, shaper, scrubber. Rates are set so low that no machine is too slow for them."""

import re
import unittest

from hosts import TrafficTest, pings

WIRED = "host left 10.0.0.1/24; host right 10.0.0.2/24"


class RateLimiter(TrafficTest):
    CONFIG = "ratelimit"
    PREPARE = WIRED

    def test_a_flood_is_cut_and_little_traffic_is_not(self):
        said = self.play("""
            on left ping -q -A -c 3 10.0.0.2
            ask "WRITE down.rate 2000"
            before=$(received right)
            on left $peer send 10.0.0.1 9 10.0.0.2 9 100 1000
            echo flood; value dropped.count; echo $(($(received right) - before))""")
        self.assertEqual(pings(said), [3])
        dropped, passed = map(int, said.split("flood\n")[1].split())
        self.assertGreater(dropped, 80)
        self.assertLessEqual(dropped + passed, 105)  # and an ARP question now and then
        self.assertGreaterEqual(dropped + passed, 100)


class Shaper(TrafficTest):
    CONFIG = "shaper"
    PREPARE = WIRED

    def test_the_urgent_overtakes_the_bulk(self):
        shaper = re.search(r"FromDevice\(eth0\) -> (\w+)", self.config())[1]
        said = self.play(f"""
            on left ping -q -A -c 3 10.0.0.2
            name=$(value list | grep '^{shaper}@.*/BandwidthShaper' | head -n 1)
            ask "WRITE $name.rate 4000" >/dev/null
            on right $peer hear 10.0.0.2 53 1 >/tmp/urgent & wait=$!
            until on right netstat -lun | grep -q :53; do usleep 10000; done
            before=$(received right)
            on left $peer send 10.0.0.1 9 10.0.0.2 9 20 1000
            on left $peer send 10.0.0.1 8 10.0.0.2 53 1 4
            wait $wait; echo bulk $(($(received right) - before))
            cat /tmp/urgent""")
        self.assertEqual(pings(said), [3])
        self.assertIn("10.0.0.1 8 00000000", said)
        self.assertLess(int(re.search(r"bulk (\d+)", said)[1]), 20)


class Scrubber(TrafficTest):
    CONFIG = "scrubber"
    PREPARE = """
        host left 10.255.0.254/24 198.51.100.7/32; on left ip route add 10.0.0.0/24 via 10.255.0.1
        host right 10.0.0.5/24 10.0.0.6/24
        on right ip route add 198.51.100.0/24 dev wire; web right 10.0.0.5 80"""

    def test_a_client_that_answers_gets_through(self):
        said = self.play("""
            nsenter "-t$(cat $spaces/left)" -n ip route change 10.0.0.0/24 via 10.255.0.1 \\
                src 198.51.100.7
            get left 10.0.0.5 80 bulk | cmp - /tmp/web/10.0.0.5/bulk && echo equal
            value proxy.accepted; value proxy.bad_cookies""")
        self.assertEqual(said.split(), ["equal", "1", "0"])

    def test_nobody_hears_of_a_port_that_is_closed_or_of_a_flood(self):
        said = self.play("""
            ask "WRITE limit.rate 5" >/dev/null
            on left $peer send 10.255.0.254 9 10.0.0.5 9 100 10
            value flood.count""")
        self.assertGreater(int(said), 80)


if __name__ == "__main__":
    unittest.main(verbosity=2)
