# SPDX-License-Identifier: BSD-2-Clause
"""The IP router: 10.0.0.0/24 on eth0, 10.1.0.0/24 on eth1."""

import unittest

from packets import ANY, ARP, BROADCAST, Ether, ICMP, IP, Quoted, UDP
from support import MiddleboxTest

LEFT, RIGHT = "02:00:00:00:00:01", "02:00:00:00:00:02"  # the router's own
ANN, BOB = "02:aa:00:00:00:05", "02:bb:00:00:00:09"  # 10.0.0.5 and 10.1.0.9

REQUEST_BOB = Ether(src=RIGHT, dst=BROADCAST) / ARP(sha=RIGHT, spa="10.1.0.1", tpa="10.1.0.9")
BOB_IS_AT = Ether(src=BOB, dst=RIGHT) / ARP(op=2, sha=BOB, spa="10.1.0.9", tha=RIGHT,
                                            tpa="10.1.0.1")
REQUEST_ANN = Ether(src=LEFT, dst=BROADCAST) / ARP(sha=LEFT, spa="10.0.0.1", tpa="10.0.0.5")
ANN_IS_AT = Ether(src=ANN, dst=LEFT) / ARP(op=2, sha=ANN, spa="10.0.0.5", tha=LEFT, tpa="10.0.0.1")
TO_BOB = (Ether(src=ANN, dst=LEFT) / IP(src="10.0.0.5", dst="10.1.0.9", id=77)
          / UDP(sport=1000, dport=7) / b"hello")  # fmt: skip
ROUTED = TO_BOB.but(ether_src=RIGHT, ether_dst=BOB, ip_ttl=63)
TO_ANN = (Ether(src=BOB, dst=RIGHT) / IP(src="10.1.0.9", dst="10.0.0.5")
          / UDP(sport=7, dport=1000) / b"olleh")  # fmt: skip
BACK = TO_ANN.but(ether_src=LEFT, ether_dst=ANN, ip_ttl=63)


def error(about, kind, code, rest=0, size=None):
    """Return the ICMP error to ANN about a packet she sent, as the router saw it."""
    quoted = bytes(about.without(1))[:size]
    return (Ether(src=LEFT, dst=ANN) / IP(tos=ANY, id=ANY, ttl=ANY, src="10.0.0.1", dst="10.0.0.5")
            / ICMP(type=kind, code=code, id=rest >> 16, seq=rest & 0xFFFF) / quoted)  # fmt: skip


class Router(MiddleboxTest):
    CONF = "router"

    def after_talk(self, packets, expected):
        """Let Ann and Bob talk, so that the router knows their addresses; then check `packets`
        from Ann.
        """
        talk = [(0.001, "eth0", TO_BOB), (0.002, "eth1", BOB_IS_AT), (0.003, "eth1", TO_ANN),
                (0.004, "eth0", ANN_IS_AT)]  # fmt: skip
        then = [(0.005 + number / 1000, "eth0", packet) for number, packet in enumerate(packets)]
        self.check(talk + then, {"eth1": [REQUEST_BOB, ROUTED] + expected.get("eth1", []),
                                 "eth0": [REQUEST_ANN, BACK] + expected.get("eth0", [])})

    def test_a_packet_waits_for_the_neighbours_address_and_loses_a_hop(self):
        self.check([(0.001, "eth0", TO_BOB), (0.002, "eth1", BOB_IS_AT), (0.003, "eth0", TO_BOB)],
                   {"eth1": [REQUEST_BOB, ROUTED, ROUTED]})  # fmt: skip

    def test_it_answers_who_has_and_pings_for_its_own_addresses_alone(self):
        who = Ether(src=ANN) / ARP(sha=ANN, spa="10.0.0.5", tpa="10.0.0.1")
        ping = Ether(src=ANN, dst=LEFT) / IP(src="10.0.0.5", dst="10.0.0.1") / ICMP(id=3, seq=4)
        self.check(
            [(0.001, "eth0", who), (0.002, "eth0", who.but(arp_tpa="10.0.0.2")),
             (0.003, "eth0", ping / b"data"), (0.004, "eth0", ANN_IS_AT)],
            {"eth0": [Ether(src=LEFT, dst=ANN) / ARP(op=2, sha=LEFT, spa="10.0.0.1", tha=ANN,
                                                     tpa="10.0.0.5"),
                      REQUEST_ANN,
                      ping.but(ether_src=LEFT, ether_dst=ANN, ip_src="10.0.0.1", ip_dst="10.0.0.5",
                               ip_ttl=ANY, ip_id=ANY, icmp_type=0) / b"data"]},
        )  # fmt: skip

    def test_a_lifetime_that_ends_is_told_to_the_sender(self):
        late = TO_BOB.but(ip_ttl=1)
        self.after_talk([late], {"eth0": [error(late, 11, 0)]})

    def test_a_closed_port_of_the_router_is_unreachable(self):
        asked = TO_BOB.but(ip_dst="10.0.0.1")
        self.after_talk([asked], {"eth0": [error(asked, 3, 3)]})

    def test_a_packet_that_leaves_where_it_came_from_brings_a_redirect(self):
        turned = TO_BOB.but(ip_dst="10.0.0.9")
        bob_left = BOB_IS_AT.but(ether_dst=LEFT, arp_spa="10.0.0.9", arp_tpa="10.0.0.1")
        self.after_talk(
            [turned, bob_left],
            {"eth0": [error(turned, 5, 1, 10 << 24 | 9), REQUEST_ANN.but(arp_tpa="10.0.0.9"),
                      turned.but(ether_src=LEFT, ether_dst=BOB, ip_ttl=63)]},
        )  # fmt: skip

    def test_a_large_packet_is_cut_unless_that_is_forbidden(self):
        large = (Ether(src=ANN, dst=LEFT) / IP(src="10.0.0.5", dst="10.1.0.9", id=9)
                 / UDP(sport=1, dport=2) / bytes(range(256)) / bytes(2000))  # fmt: skip
        data = bytes(large)[34:]
        first = Ether(src=RIGHT, dst=BOB) / IP(src="10.0.0.5", dst="10.1.0.9", id=9, ttl=63,
                                               proto=17, frag=0x2000) / data[:1480]
        rest = Ether(src=RIGHT, dst=BOB) / IP(src="10.0.0.5", dst="10.1.0.9", id=9, ttl=63,
                                              proto=17, frag=1480 // 8) / data[1480:]
        whole = large.but(ip_frag=0x4000)
        told = error(whole.but(ip_ttl=63), 3, 4, 1500, size=548)
        self.after_talk([large, whole], {"eth1": [first, rest], "eth0": [told]})

    def test_what_is_damaged_or_not_for_it_goes_nowhere(self):
        for name, packet in {
            "another station": TO_BOB.but(ether_dst="02:00:00:00:00:77"),
            "IP checksum": TO_BOB.but(ip_checksum=0x1234),
            "version": TO_BOB.but(ip_version=0x65),
            "length beyond the frame": TO_BOB.but(ip_len=200),
            "length below the header": TO_BOB.but(ip_len=19),
            "from a broadcast": TO_BOB.but(ip_src="10.0.0.255"),
            "no route": TO_BOB.but(ip_dst="172.16.0.1"),
            "a link broadcast": TO_BOB.but(ether_dst=BROADCAST),
        }.items():
            with self.subTest(name):
                self.after_talk([packet], {})

    def test_no_error_about_an_error(self):
        late = (Ether(src=ANN, dst=LEFT) / IP(src="10.0.0.5", dst="10.1.0.9", ttl=1)
                / ICMP(type=3, code=1)
                / Quoted(src="1.1.1.1", dst="10.0.0.5", proto=17))  # fmt: skip
        self.after_talk([late], {})

    def test_a_record_route_option_is_filled_in(self):
        empty = bytes([7, 7, 4, 0, 0, 0, 0, 0])
        routed = TO_BOB.but(ip_options=bytes([7, 7, 8, 10, 1, 0, 1, 0]))
        self.after_talk([TO_BOB.but(ip_options=empty)],
                        {"eth1": [routed.but(ether_src=RIGHT, ether_dst=BOB, ip_ttl=63)]})

    def test_a_bad_option_is_reported_with_its_place(self):
        wrong = TO_BOB.but(ip_options=bytes([7, 20, 4, 0]))
        self.after_talk([wrong], {"eth0": [error(wrong, 12, 0, 21 << 24)]})


if __name__ == "__main__":
    unittest.main(verbosity=2)
