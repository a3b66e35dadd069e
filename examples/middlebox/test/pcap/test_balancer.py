# SPDX-License-Identifier: BSD-2-Clause
"""The load balancer: 192.0.2.10:80 on eth0 for 10.0.0.11 and 10.0.0.12 on eth1."""

import unittest

from packets import ACK, ANY, ARP, Ether, IP, RST, SYN, TCP
from support import MiddleboxTest
import packets

VIP, LAN = "02:00:00:00:00:01", "02:00:00:00:00:02"  # its own
CLIENT, GATEWAY = "02:cc:00:00:00:01", "02:99:00:00:00:99"
SERVERS = {"10.0.0.11": "02:aa:00:00:00:11", "10.0.0.12": "02:aa:00:00:00:12"}
FIRST_PORT = 61440  # of the health checks


def arp_reply(src, spa, dst, tpa):
    return Ether(src=src, dst=dst) / ARP(op=2, sha=src, spa=spa, tha=dst, tpa=tpa)


class Balancer(MiddleboxTest):
    CONF = "balancer"

    ASKED = [Ether(src=LAN) / ARP(sha=LAN, spa="10.0.0.1", tpa=ip) for ip in SERVERS]
    KNOWN = [(0.01, "eth1", arp_reply(mac, ip, LAN, "10.0.0.1")) for ip, mac in SERVERS.items()]

    def probes(self, number=0):
        """Return the probes of one round."""
        return [Ether(src=LAN, dst=mac) / IP(src="10.0.0.1", dst=ip, id=ANY, ttl=ANY, tos=ANY)
                / TCP(sport=FIRST_PORT + index, dport=80, seq=ANY, window=ANY)
                for index, (ip, mac) in enumerate(SERVERS.items())]  # fmt: skip

    def request(self, port):
        return (Ether(src=CLIENT, dst=VIP) / IP(src="198.51.100.7", dst="192.0.2.10")
                / TCP(sport=port, dport=80, seq=5))  # fmt: skip

    def passed(self, port, ip):
        return (Ether(src=LAN, dst=SERVERS[ip]) / IP(src="198.51.100.7", dst=ip)
                / TCP(sport=port, dport=80, seq=5))  # fmt: skip

    def test_connections_take_turns_and_answers_come_from_the_service(self):
        answer = (Ether(src=SERVERS["10.0.0.11"], dst=LAN) / IP(src="10.0.0.11", dst="198.51.100.7")
                  / TCP(sport=80, dport=1001, ack=6, flags=SYN | ACK))  # fmt: skip
        self.check(
            [*self.KNOWN, (0.1, "eth0", self.request(1001)), (0.2, "eth0", self.request(1002)),
             (0.3, "eth0", self.request(1001)), (0.4, "eth1", answer),
             (0.5, "eth0", arp_reply(GATEWAY, "192.0.2.254", VIP, "192.0.2.10"))],
            {"eth1": [*self.ASKED, *self.probes(), self.passed(1001, "10.0.0.11"),
                      self.passed(1002, "10.0.0.12"), self.passed(1001, "10.0.0.11")],
             "eth0": [Ether(src=VIP) / ARP(sha=VIP, spa="192.0.2.10", tpa="192.0.2.254"),
                      answer.but(ether_src=VIP, ether_dst=GATEWAY, ip_src="192.0.2.10")]},
            seconds=0.9,
        )  # fmt: skip

    def test_other_services_are_not_there(self):
        self.check([*self.KNOWN, (0.1, "eth0", self.request(1).but(tcp_dport=81)),
                    (0.2, "eth0", self.request(1).but(ip_dst="192.0.2.11"))],
                   {"eth1": [*self.ASKED, *self.probes()]}, seconds=0.9)  # fmt: skip

    def test_a_server_that_does_not_answer_gets_no_connections_until_it_does(self):
        # The probes' numbers are secret, but the same in each run: look at them first.
        seen = self.play(self.KNOWN, 12)
        probed = [(at, packets.dissect(data)) for at, data in seen.frames["eth1"][2:]]
        lives = [(at, fields) for at, fields in probed if fields["ip.dst"] == "10.0.0.11" or at > 7]
        answers = [
            (at + 0.02, "eth1",
             Ether(src=SERVERS[fields["ip.dst"]], dst=LAN)
             / IP(src=fields["ip.dst"], dst="10.0.0.1")
             / TCP(sport=80, dport=fields["tcp.sport"], seq=1, flags=SYN | ACK,
                   ack=fields["tcp.seq"] + 1 & 0xFFFFFFFF)) for at, fields in lives]  # fmt: skip
        requests = [(when, "eth0", self.request(port)) for when, port in
                    ((5.1, 1), (5.2, 2), (5.3, 3), (5.4, 4), (10.1, 5), (10.2, 6))]  # fmt: skip
        result = self.play(sorted([*self.KNOWN, *answers, *requests], key=lambda item: item[0]), 11,
                           ["servers.down0", "servers.down1", "health.answers"])  # fmt: skip
        frames = [packets.dissect(data) for _, data in result.frames["eth1"][2:]]
        chosen = {fields["tcp.sport"]: fields["ip.dst"] for fields in frames
                  if fields["ip.src"] == "198.51.100.7"}  # fmt: skip
        self.assertEqual({chosen[port] for port in (1, 2, 3, 4)}, {"10.0.0.11"})
        self.assertEqual({chosen[5], chosen[6]}, {"10.0.0.11", "10.0.0.12"})
        self.assertIn("target 1 is down", result.log)
        self.assertIn("target 1 is up", result.log)
        resets = [fields for fields in frames if fields["tcp.flags"] == RST]
        self.assertEqual(len(resets), int(result.handlers["health.answers"]))

    def test_a_wrong_or_old_answer_does_not_count(self):
        seen = self.play(self.KNOWN, 0.5)
        probe = packets.dissect(seen.frames["eth1"][2][1])
        right = (Ether(src=SERVERS["10.0.0.11"], dst=LAN) / IP(src="10.0.0.11", dst="10.0.0.1")
                 / TCP(sport=80, dport=FIRST_PORT, ack=probe["tcp.seq"] + 1, flags=SYN | ACK))
        for name, answer, counts in (
            ("right", right, "1"),
            ("number", right.but(tcp_ack=probe["tcp.seq"]), "0"),
            ("reset", right.but(tcp_flags=RST | ACK), "0"),
            ("SYN alone", right.but(tcp_flags=SYN), "0"),
            ("for another address", right.but(ip_dst="10.0.0.2"), "0"),
            ("the other server", right.but(ip_src="10.0.0.12"), "0"),
            ("a target that is not there", right.but(tcp_dport=FIRST_PORT + 2), "0"),
        ):
            with self.subTest(name):
                result = self.play([*self.KNOWN, (0.1, "eth1", answer), (0.2, "eth1", answer)], 0.5,
                                   ["health.answers"])  # fmt: skip
                self.assertEqual(result.handlers["health.answers"], counts)


if __name__ == "__main__":
    unittest.main(verbosity=2)
