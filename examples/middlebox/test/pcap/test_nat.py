# SPDX-License-Identifier: BSD-2-Clause
"""Carrier-grade NAT: 100.64.0.0/10 on eth1 shares 192.0.2.1 to 192.0.2.8 on eth0."""

import unittest

from packets import ACK, ARP, Ether, ICMP, IP, SYN, TCP, UDP
from support import MiddleboxTest, every_ms

INSIDE, OUTSIDE = "02:00:00:00:00:02", "02:00:00:00:00:01"  # its own
GATEWAY, ANN, BOB = "02:99:00:00:00:99", "02:aa:00:00:00:05", "02:bb:00:00:00:06"
SERVER, POOL = "198.51.100.7", "192.0.2.1"

OUT = Ether(src=ANN, dst=INSIDE) / IP(src="100.64.0.5", dst=SERVER)
SENT = Ether(src=OUTSIDE, dst=GATEWAY) / IP(src=POOL, dst=SERVER, ttl=63)
BACK = Ether(src=GATEWAY, dst=OUTSIDE) / IP(src=SERVER, dst=POOL)
GOT = Ether(src=INSIDE, dst=ANN) / IP(src=SERVER, dst="100.64.0.5", ttl=63)

ASK_GATEWAY = Ether(src=OUTSIDE) / ARP(sha=OUTSIDE, spa="192.0.2.1", tpa="192.0.2.254")
GATEWAY_IS = Ether(src=GATEWAY, dst=OUTSIDE) / ARP(op=2, sha=GATEWAY, spa="192.0.2.254",
                                                   tha=OUTSIDE, tpa="192.0.2.1")
ASK_ANN = Ether(src=INSIDE) / ARP(sha=INSIDE, spa="100.64.0.1", tpa="100.64.0.5")
ANN_IS = Ether(src=ANN, dst=INSIDE) / ARP(op=2, sha=ANN, spa="100.64.0.5", tha=INSIDE,
                                          tpa="100.64.0.1")


class NAT(MiddleboxTest):
    CONF = "nat"

    def after_talk(self, arrivals, expected, seconds=1, handlers=()):
        """Let Ann ask a server and hear from it (port 1024 + 5000 % 256), then check `arrivals`."""
        asked, answer = UDP(sport=5000, dport=53) / b"q", UDP(sport=53, dport=5000) / b"a"
        mapped = 1024 + 5000 % 256
        talk = [(0.001, "eth1", OUT / asked), (0.002, "eth0", GATEWAY_IS),
                (0.003, "eth0", (BACK / answer).but(udp_dport=mapped)), (0.004, "eth1", ANN_IS)]
        return self.check(
            talk + arrivals,
            {"eth0": [ASK_GATEWAY, (SENT / asked).but(udp_sport=mapped), *expected.get("eth0", [])],
             "eth1": [ASK_ANN, GOT / answer, *expected.get("eth1", [])]},
            seconds, handlers,
        )  # fmt: skip

    def test_a_connection_is_translated_both_ways(self):
        syn = OUT / TCP(sport=6000, dport=80, seq=7)
        answer = BACK / TCP(sport=80, dport=1024 + 6000 % 256, ack=8, flags=SYN | ACK)
        self.after_talk(
            [(0.010, "eth1", syn), (0.011, "eth0", answer)],
            {"eth0": [SENT / TCP(sport=1024 + 6000 % 256, dport=80, seq=7)],
             "eth1": [GOT / TCP(sport=80, dport=6000, ack=8, flags=SYN | ACK)]},
        )  # fmt: skip

    def test_nobody_outside_may_begin(self):
        self.after_talk(
            [(0.010, "eth0", BACK / TCP(sport=80, dport=1100)),
             (0.011, "eth0", BACK / UDP(sport=54, dport=1024 + 5000 % 256)),
             (0.012, "eth0", (BACK / UDP(sport=53, dport=1160)).but(ip_src="198.51.100.8")),
             (0.013, "eth0", BACK / ICMP(type=8)), (0.014, "eth0", BACK.but(ip_proto=47) / b"x")],
            {},
        )  # fmt: skip

    def test_pings_are_told_apart_by_their_identifiers(self):
        ping = OUT / ICMP(id=9, seq=1) / b"data"
        pong = BACK / ICMP(type=0, id=1024 + 9, seq=1) / b"data"
        self.after_talk(
            [(0.010, "eth1", ping), (0.011, "eth0", pong), (0.012, "eth0", pong.but(icmp_id=2000))],
            {"eth0": [SENT / ICMP(id=1024 + 9, seq=1) / b"data"],
             "eth1": [GOT / ICMP(type=0, id=9, seq=1) / b"data"]},
        )  # fmt: skip

    def test_an_error_finds_its_way_to_the_host_it_is_about(self):
        sent = SENT / UDP(sport=1024 + 5000 % 256, dport=53) / b"q"
        asked = OUT.but(ip_ttl=63) / UDP(sport=5000, dport=53) / b"q"
        router = "203.0.113.9"
        error = ICMP(type=3, code=1)
        self.after_talk(
            [(0.010, "eth0", BACK.but(ip_src=router) / error / bytes(sent)[14:])],
            {"eth1": [GOT.but(ip_src=router) / error / bytes(asked)[14:]]},
        )

    def test_hosts_reach_each_other_by_their_outside_addresses(self):
        bob = (Ether(src=BOB, dst=INSIDE) / IP(src="100.64.0.6", dst=POOL)
               / UDP(sport=53, dport=1024 + 5000 % 256) / b"hello")  # fmt: skip
        self.after_talk([(0.010, "eth1", bob)], {})  # nobody that Ann spoke to
        server = OUT.but(ip_dst=POOL) / UDP(sport=5000, dport=1280 + 53) / b"hi"
        turned = (Ether(src=INSIDE, dst=ANN) / IP(src=POOL, dst="100.64.0.5", ttl=63)
                  / UDP(sport=1280 + 53, dport=5000) / b"hello")  # fmt: skip
        self.after_talk([(0.010, "eth1", server), (0.011, "eth1", bob)], {"eth1": [turned]})

    def test_each_host_has_its_own_block_of_ports_logged_and_given_back(self):
        hosts = [(Ether(src=ANN, dst=INSIDE) / IP(src=f"100.64.1.{n}", dst=SERVER)
                  / UDP(sport=1, dport=9)) for n in range(40)]  # fmt: skip
        sent = [SENT / UDP(sport=1024 + 256 * (n + 1) + 1, dport=9) for n in range(40)]
        arrivals = [(1 + n / 1000, "eth1", packet) for n, packet in enumerate(hosts)]
        result = self.after_talk(arrivals, {"eth0": sent}, 2, ["pool.blocks", "pool.free"])
        self.assertIn("192.0.2.1 1280-1535 100.64.1.0 1 flows", result.handlers["pool.blocks"])
        self.assertEqual(result.handlers["pool.free"], str(8 * 252 - 41))
        self.assertEqual(result.log.count(" for 100.64.1."), 40)
        later = self.after_talk(arrivals, {"eth0": sent}, 400, ["pool.blocks", "pool.free"])
        self.assertEqual(later.handlers, {"pool.blocks": "", "pool.free": str(8 * 252)})
        self.assertEqual(later.log.count(" back from 100.64.1."), 40)

    def test_no_host_gets_more_than_its_blocks(self):
        flows = [OUT / UDP(sport=port, dport=9) for port in range(1100)]
        arrivals = [(1 + n / 1000, "eth1", packet) for n, packet in enumerate(flows)]
        other = (1.5, "eth1", OUT.but(ip_src="100.64.0.6", ether_src=BOB) / UDP(sport=1, dport=9))
        result = self.play([(0.001, "eth1", OUT / UDP(sport=5000, dport=53)),
                            (0.002, "eth0", GATEWAY_IS), *arrivals, other], 3,
                           ["pool.refused", "rw.size"])  # fmt: skip
        self.assertEqual(result.handlers["pool.refused"], str(1100 - 4 * 256))
        ports = {data[34:36] for _, data in result.frames["eth0"][2:] if data[26:30] ==
                 bytes([192, 0, 2, 1])}  # fmt: skip
        self.assertEqual(len(ports), 4 * 256 + 1)  # and the other host's

    def test_it_answers_for_its_own_addresses(self):
        who = Ether(src=GATEWAY) / ARP(sha=GATEWAY, spa="192.0.2.254", tpa="192.0.2.5")
        answer = Ether(src=OUTSIDE, dst=GATEWAY) / ARP(op=2, sha=OUTSIDE, spa="192.0.2.5",
                                                       tha=GATEWAY, tpa="192.0.2.254")
        self.check(every_ms("eth0", who, who.but(arp_tpa="192.0.2.9")), {"eth0": [answer]})

    def test_what_is_damaged_or_too_old_goes_nowhere(self):
        packet = OUT / UDP(sport=5000, dport=53) / b"q"
        self.after_talk([(0.010, "eth1", packet.but(ip_checksum=1)),
                         (0.011, "eth1", packet.but(ip_ttl=1)),
                         (0.012, "eth1", packet.but(ip_len=24)),
                         (0.013, "eth1", packet.but(ip_frag=2))], {})  # fmt: skip


if __name__ == "__main__":
    unittest.main(verbosity=2)
