# SPDX-License-Identifier: BSD-2-Clause
"""The flow monitor: its collector is "third"."""

import unittest

from hosts import TrafficTest


class Monitor(TrafficTest):
    CONFIG = "monitor"
    PREPARE = """
        host left 10.0.0.1/24; host right 10.0.0.2/24; host third 10.9.0.2/24"""

    @classmethod
    def config(cls):
        return super().config().replace("02:00:00:00:00:99", "02:00:00:00:02:99")

    def test_flows_reach_the_collector(self):
        said = self.play("""
            start left 9 $peer echo 10.0.0.1 9
            on third $peer hear 10.9.0.2 2055 1 >/tmp/export & wait=$!
            until on third netstat -lun | grep -q :2055; do usleep 10000; done
            on right $peer ask 10.0.0.2 4660 10.0.0.1 9 question
            value meter.flows
            ask "WRITE meter.flush" >/dev/null
            wait $wait; cat /tmp/export""")
        lines = said.splitlines()
        self.assertEqual(lines[0], "10.0.0.2 4660 question")
        export = lines[-1].split()
        self.assertEqual(export[:2], ["10.9.0.1", "2055"])
        self.assertTrue(export[2].startswith("0009"), export[2])
        for there, here in (("0a000002", "0a000001"), ("0a000001", "0a000002")):
            ports = "12340009" if there == "0a000002" else "00091234"
            self.assertIn(there + here + ports + "11", export[2])  # and the protocol, UDP


if __name__ == "__main__":
    unittest.main(verbosity=2)
