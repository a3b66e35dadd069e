# SPDX-License-Identifier: BSD-2-Clause
"""Middleboxes that pass frames on as they are: bridge, switch, mirror; and what this test is worth.
"""

import tempfile
import unittest

from packets import ARP, BROADCAST, Ether, IP, TCP, UDP
from support import MiddleboxTest, complaints, every_ms, replay

ANN, BOB, CAT = "02:aa:00:00:00:01", "02:bb:00:00:00:02", "02:cc:00:00:00:03"
TO_BOB = Ether(src=ANN, dst=BOB) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2) / b"x"
TO_ANN = Ether(src=BOB, dst=ANN) / IP(src="10.0.0.2", dst="10.0.0.1") / TCP(sport=2, dport=1)
TO_ALL = Ether(src=CAT, dst=BROADCAST) / ARP(sha=CAT, spa="10.0.0.3", tpa="10.0.0.1")


class Bridge(MiddleboxTest):
    CONF = "bridge"

    def test_frames_pass_unchanged_both_ways(self):
        longest = TO_BOB / bytes(1514 - len(bytes(TO_BOB)))
        runt = b"\1\2\3"
        self.check([*every_ms("eth0", TO_BOB, longest, runt), *every_ms("eth1", TO_ANN, TO_ALL)],
                   {"eth1": [TO_BOB, longest, runt], "eth0": [TO_ANN, TO_ALL]})  # fmt: skip


class Switch(MiddleboxTest):
    CONF = "switch"

    def test_it_floods_what_it_does_not_know_and_learns_from_sources(self):
        self.check(
            [(0.001, "eth0", TO_BOB), (0.002, "eth1", TO_ANN), (0.003, "eth0", TO_BOB),
             (0.004, "eth2", TO_ALL)],
            {"eth0": [TO_ANN, TO_ALL], "eth1": [TO_BOB, TO_BOB, TO_ALL], "eth2": [TO_BOB]},
        )  # fmt: skip

    def test_a_station_that_moved_is_found_at_its_new_port(self):
        moved = TO_ALL.but(ether_src=BOB)
        self.check(
            [(0.001, "eth1", TO_ANN), (0.002, "eth2", moved), (0.003, "eth0", TO_BOB)],
            {"eth0": [TO_ANN, moved], "eth1": [moved], "eth2": [TO_ANN, TO_BOB]},
        )

    def test_a_silent_station_is_forgotten(self):
        self.check([(0.001, "eth1", TO_ANN), (302, "eth0", TO_BOB)],
                   {"eth0": [TO_ANN], "eth1": [TO_BOB], "eth2": [TO_ANN, TO_BOB]},
                   seconds=303)  # fmt: skip

    def test_a_frame_for_a_station_on_its_own_port_goes_nowhere(self):
        other = TO_ANN.but(ether_src=CAT)
        self.check([(0.001, "eth0", TO_BOB), (0.002, "eth0", other)],
                   {"eth1": [TO_BOB], "eth2": [TO_BOB]})  # fmt: skip


class Mirror(MiddleboxTest):
    CONF = "mirror"

    def test_the_third_port_sees_both_directions_and_sends_nothing(self):
        self.check(
            [(0.001, "eth0", TO_BOB), (0.002, "eth1", TO_ANN), (0.003, "eth2", TO_ALL)],
            {"eth1": [TO_BOB], "eth0": [TO_ANN], "eth2": [TO_BOB, TO_ANN]},
        )


class Reasons(unittest.TestCase):
    """A middlebox that is wrong is found out, with the fields that it got wrong."""

    def complaints_of(self, text, expected):
        with tempfile.NamedTemporaryFile("w", suffix=".click") as file:
            file.write(text)
            file.flush()
            return complaints(expected, replay(file.name, every_ms("eth0", TO_BOB, TO_ANN)))

    def test_a_changed_field_is_named(self):
        text = ("FromDevice(eth0) -> MarkIPHeader(14) -> IPFilter(allow all) -> Strip(14)"
                " -> DecIPTTL -> Unstrip(14) -> Queue -> ToDevice(eth1);")  # fmt: skip
        self.assertEqual(self.complaints_of(text, {"eth1": [TO_BOB, TO_ANN]}),
                         ["eth1, packet 1 at 0.001000 s: ip.ttl should be 64, is 63",
                          "eth1, packet 2 at 0.002000 s: ip.ttl should be 64, is 63"])

    def test_a_checksum_that_was_not_mended_is_wrong(self):
        text = ("FromDevice(eth0) -> MarkIPHeader(14) -> StoreIPAddress(9.9.9.9, 30)"
                " -> Queue -> ToDevice(eth1);")  # fmt: skip
        found = self.complaints_of(text, {"eth1": [TO_BOB.but(ip_dst="9.9.9.9"),
                                                   TO_ANN.but(ip_dst="9.9.9.9")]})
        self.assertEqual([line.split(": ")[1] for line in found],
                         ["ip.checksum should be right, is wrong",
                          "udp.checksum should be right, is wrong",
                          "ip.checksum should be right, is wrong",
                          "tcp.checksum should be right, is wrong"])

    def test_a_lost_packet_and_one_on_the_wrong_port_are_told(self):
        text = ("FromDevice(eth0) -> s :: RoundRobinSwitch; s[0] -> Queue -> ToDevice(eth1);"
                "s[1] -> Queue -> ToDevice(eth2);")  # fmt: skip
        self.assertEqual(self.complaints_of(text, {"eth1": [TO_BOB, TO_ANN]}),
                         ["eth1, packet 2 is missing: 54 bytes, ether/ip/tcp: ip.src 10.0.0.2,"
                          " ip.dst 10.0.0.1, tcp.sport 2, tcp.dport 1, tcp.flags 2",
                          "eth2, packet 1 at 0.002000 s is one too many: 54 bytes, ether/ip/tcp:"
                          " ip.src 10.0.0.2, ip.dst 10.0.0.1, tcp.sport 2, tcp.dport 1,"
                          " tcp.flags 2"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
