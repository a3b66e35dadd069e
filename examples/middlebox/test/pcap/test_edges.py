# SPDX-License-Identifier: BSD-2-Clause
"""Middleboxes at the edge of a network: the tunnel's end, the ARP and ND proxy."""

import unittest

from packets import ANY, ARP, Ether, IP, IP6, ND, UDP, VXLAN
from support import MiddleboxTest, every_ms

ANN, BOB = "02:aa:00:00:00:01", "02:bb:00:00:00:02"


class Tunnel(MiddleboxTest):
    CONF = "tunnel"

    ME, PEER = "02:00:00:00:00:01", "02:99:00:00:00:02"
    ASK = Ether(src=ME) / ARP(sha=ME, spa="192.0.2.1", tpa="192.0.2.2")
    PEER_IS = Ether(src=PEER, dst=ME) / ARP(op=2, sha=PEER, spa="192.0.2.2", tha=ME,
                                            tpa="192.0.2.1")
    INNER = Ether(src=ANN, dst=BOB) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2)
    OUTER = (Ether(src=ME, dst=PEER) / IP(src="192.0.2.1", dst="192.0.2.2", ttl=250, id=ANY)
             / UDP(sport=ANY, dport=4789, checksum=0) / VXLAN(vni=42 << 8))  # fmt: skip
    COMING = (Ether(src=PEER, dst=ME) / IP(src="192.0.2.2", dst="192.0.2.1")
              / UDP(sport=50000, dport=4789) / VXLAN(vni=42 << 8))  # fmt: skip

    def test_frames_of_the_inside_travel_in_datagrams(self):
        who = Ether(src=ANN) / ARP(sha=ANN, spa="10.0.0.1", tpa="10.0.0.2")
        self.check([(0.001, "eth1", who), (0.002, "eth0", self.PEER_IS),
                    (0.003, "eth1", self.INNER)],
                   {"eth0": [self.ASK, self.OUTER / who, self.OUTER / self.INNER]})  # fmt: skip

    def test_one_flow_keeps_its_outer_port_and_others_differ(self):
        inner = [self.INNER.but(ip_src=f"10.0.0.{n}") for n in range(1, 9)]
        result = self.play([(0.001, "eth1", inner[0]), (0.002, "eth0", self.PEER_IS),
                            *((0.01 + n / 1000, "eth1", packet)
                              for n, packet in enumerate(inner * 2))])  # fmt: skip
        ports = [int.from_bytes(data[34:36]) for _, data in result.frames["eth0"][2:]]
        self.assertEqual(ports[:8], ports[8:])
        self.assertGreater(len(set(ports)), 5)
        self.assertTrue(all(port >= 49152 for port in ports), ports)

    def test_datagrams_of_the_peer_become_frames_again(self):
        self.check(every_ms("eth0", self.COMING / self.INNER), {"eth1": [self.INNER]})

    def test_nobody_else_gets_a_frame_in(self):
        good = self.COMING / self.INNER
        for name, packet in {
            "another sender": good.but(ip_src="192.0.2.3"),
            "another receiver": good.but(ip_dst="192.0.2.9"),
            "another network": good.but(vxlan_vni=43 << 8),
            "no network": good.but(vxlan_flags=0),
            "another port": good.but(udp_dport=4788),
            "a fragment": good.but(ip_frag=0x2000),
            "a frame cut short": self.COMING / b"\1\2\3",
            "no header at all": Ether(src=self.PEER, dst=self.ME)
            / IP(src="192.0.2.2", dst="192.0.2.1") / UDP(sport=1, dport=4789) / b"",
        }.items():  # fmt: skip
            with self.subTest(name):
                self.check(every_ms("eth0", packet), {})


class Proxy(MiddleboxTest):
    CONF = "arpproxy"

    MAC = "02:00:00:00:00:01"
    WHO = Ether(src=ANN) / ARP(sha=ANN, spa="10.0.0.9", tpa="10.0.1.7")

    def test_hosts_behind_it_seem_to_be_here(self):
        self.check(every_ms("eth0", self.WHO),
                   {"eth0": [Ether(src=self.MAC, dst=ANN)
                             / ARP(op=2, sha=self.MAC, spa="10.0.1.7", tha=ANN, tpa="10.0.0.9")]})

    def test_other_questions_are_not_its_business(self):
        self.check(every_ms("eth0", self.WHO.but(arp_tpa="10.0.2.7"), self.WHO.but(arp_op=3),
                            self.WHO.but(arp_hlen=8), self.WHO.but(arp_protocol=0x86DD)), {})

    def test_hosts_behind_it_may_ask_for_those_in_front(self):
        asked = Ether(src=BOB) / ARP(sha=BOB, spa="10.0.1.7", tpa="10.0.0.9")
        answer = Ether(src=ANN, dst=BOB) / ARP(op=2, sha=ANN, spa="10.0.0.9", tha=BOB,
                                               tpa="10.0.1.7")
        self.check([*every_ms("eth1", asked), (0.01, "eth0", answer)],
                   {"eth0": [asked], "eth1": [answer]})  # fmt: skip

    def test_a_neighbour_solicitation_is_answered(self):
        me, target = "fd00::9", "fd00:1::7"
        group = "ff02::1:ff00:7"
        ask = (Ether(src=ANN, dst="33:33:ff:00:00:07") / IP6(src=me, dst=group)
               / ND(target=target) / (b"\1\1" + bytes.fromhex(ANN.replace(":", ""))))  # fmt: skip
        answer = (Ether(src=self.MAC, dst=ANN) / IP6(src=ANY, dst=me, version=ANY)
                  / ND(type=136, flags=ANY, target=target)
                  / (b"\2\1" + bytes.fromhex(self.MAC.replace(":", ""))))  # fmt: skip
        answer = answer.but(ip6_src=target)
        self.check(every_ms("eth0", ask, ask.but(nd_target="fd00:2::7"), ask.but(nd_checksum=1),
                            ask.but(ip6_hops=64)), {"eth0": [answer]})  # fmt: skip

    def test_traffic_passes_both_ways(self):
        there = Ether(src=ANN, dst=self.MAC) / IP(src="10.0.0.9", dst="10.0.1.7") / UDP()
        there6 = Ether(src=ANN, dst=self.MAC) / IP6(src="fd00::9", dst="fd00:1::7") / b"x"
        back = Ether(src=BOB, dst=ANN) / IP(src="10.0.1.7", dst="10.0.0.9") / UDP()
        self.check([*every_ms("eth0", there, there6), *every_ms("eth1", back)],
                   {"eth1": [there, there6], "eth0": [back]})  # fmt: skip


if __name__ == "__main__":
    unittest.main(verbosity=2)
