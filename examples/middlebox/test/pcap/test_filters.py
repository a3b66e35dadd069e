# SPDX-License-Identifier: BSD-2-Clause
"""Middleboxes on a wire that hold something back: firewalls, intrusion detection, DNS filter."""

import unittest

from packets import ACK, ANY, ARP, DNS, Ether, FIN, ICMP, IP, PSH, Quoted, RST, SYN, TCP, UDP
from packets import question
from support import MiddleboxTest, every_ms

OUT, INN = "02:aa:00:00:00:01", "02:bb:00:00:00:02"
IN_IP = Ether(src=OUT, dst=INN) / IP(src="198.51.100.7", dst="10.0.0.5")
OUT_IP = Ether(src=INN, dst=OUT) / IP(src="10.0.0.5", dst="198.51.100.7")
WHO = Ether(src=OUT) / ARP(sha=OUT, spa="198.51.100.7", tpa="10.0.0.5")


class Firewall(MiddleboxTest):
    CONF = "firewall"

    def test_what_the_rules_allow_comes_in_unchanged(self):
        allowed = [
            WHO,
            IN_IP / TCP(sport=999, dport=22),
            IN_IP / TCP(sport=999, dport=80),
            IN_IP / TCP(sport=999, dport=443),
            IN_IP / TCP(sport=80, dport=5000, flags=SYN | ACK),
            IN_IP / TCP(sport=80, dport=5000, flags=ACK | PSH) / b"answer",
            IN_IP / TCP(sport=80, dport=5000, flags=RST),
            IN_IP / UDP(sport=53, dport=5000) / bytes(DNS(flags=0x8180) / question("example.org")),
            IN_IP / ICMP(type=8),
            IN_IP / ICMP(type=0),
            IN_IP / ICMP(type=3, code=1) / Quoted(src="10.0.0.5", dst="8.8.8.8", proto=17),
            IN_IP / ICMP(type=11) / Quoted(src="10.0.0.5", dst="8.8.8.8", proto=17),
        ]
        self.check(every_ms("eth0", *allowed), {"eth1": allowed})

    def test_nothing_else_does(self):
        self.check(every_ms("eth0",
                            IN_IP / TCP(sport=999, dport=23),
                            IN_IP / TCP(sport=80, dport=5000),
                            IN_IP / UDP(sport=999, dport=53),
                            IN_IP / UDP(sport=54, dport=53),
                            IN_IP / ICMP(type=5) / Quoted(),
                            IN_IP / ICMP(type=13),
                            IN_IP.but(ip_proto=47) / b"tunnel",
                            (IN_IP / TCP(sport=1, dport=22)).but(ip_checksum=7),
                            (IN_IP / TCP(sport=1, dport=22)).but(ip_version=0x55),
                            IN_IP.but(ip_proto=6, ip_frag=0x0001) / bytes(24)), {})  # fmt: skip

    def test_everything_may_go_out(self):
        packets = [OUT_IP / TCP(sport=1, dport=23), OUT_IP / UDP(sport=9, dport=9), WHO,
                   OUT_IP.but(ip_proto=47) / b"tunnel"]
        self.check(every_ms("eth1", *packets), {"eth0": packets})


class Stateful(MiddleboxTest):
    CONF = "stateful"

    def test_a_connection_from_inside_gets_its_answers_and_nobody_elses(self):
        syn = OUT_IP / TCP(sport=5000, dport=80)
        answer = IN_IP / TCP(sport=80, dport=5000, flags=SYN | ACK)
        self.check(
            [(0.001, "eth0", answer), (0.002, "eth1", syn), (0.003, "eth0", answer),
             (0.004, "eth0", answer.but(tcp_sport=81)), (0.005, "eth0", answer.but(tcp_dport=5001)),
             (0.006, "eth0", answer.but(ip_src="198.51.100.8")),
             (0.007, "eth0", answer.but(ip_dst="10.0.0.6")),
             (0.008, "eth0", IN_IP / UDP(sport=80, dport=5000))],
            {"eth0": [syn], "eth1": [answer]},
        )  # fmt: skip

    def test_a_flow_is_forgotten_when_it_is_silent(self):
        asked = OUT_IP / UDP(sport=5000, dport=53)
        answer = IN_IP / UDP(sport=53, dport=5000)
        self.check([(0.001, "eth1", asked), (50, "eth0", answer), (100, "eth0", answer),
                    (170, "eth0", answer)],
                   {"eth0": [asked], "eth1": [answer, answer]}, seconds=180)  # fmt: skip

    def test_a_closed_connection_lets_nothing_more_in_after_a_while(self):
        syn = OUT_IP / TCP(sport=5000, dport=80)
        fin, end = syn.but(tcp_flags=FIN | ACK), IN_IP / TCP(sport=80, dport=5000, flags=FIN | ACK)
        data = end.but(tcp_flags=ACK)
        self.check([(0.001, "eth1", syn), (0.002, "eth1", fin), (0.003, "eth0", end),
                    (3000, "eth0", data)],
                   {"eth0": [syn, fin], "eth1": [end]}, seconds=3001)  # fmt: skip

    def test_pings_are_answered_inwards_only(self):
        ping = OUT_IP / ICMP(id=7, seq=1) / b"abc"
        pong = IN_IP / ICMP(type=0, id=7, seq=1) / b"abc"
        self.check([(0.001, "eth0", pong), (0.002, "eth1", ping), (0.003, "eth0", pong),
                    (0.004, "eth0", pong.but(icmp_id=8)), (0.005, "eth0", IN_IP / ICMP(id=7))],
                   {"eth0": [ping], "eth1": [pong]})  # fmt: skip

    def test_errors_about_known_flows_come_in_and_others_do_not(self):
        asked = OUT_IP / UDP(sport=5000, dport=53) / b"question"
        router = IN_IP.but(ip_src="203.0.113.1")
        about = router / ICMP(type=3, code=1) / bytes(asked)[14:42]
        other = router / ICMP(type=3, code=1) / bytes(asked.but(udp_sport=5001))[14:42]
        self.check([(0.001, "eth1", asked), (0.002, "eth0", other), (0.003, "eth0", about)],
                   {"eth0": [asked], "eth1": [about]})  # fmt: skip

    def test_neighbours_find_each_other(self):
        self.check([(0.001, "eth0", WHO), (0.002, "eth1", WHO)], {"eth0": [WHO], "eth1": [WHO]})


class Intrusion(MiddleboxTest):
    CONF = "ids"

    def test_payloads_with_a_pattern_are_logged_and_dropped(self):
        get = IN_IP / TCP(sport=999, dport=80, flags=ACK | PSH)
        bad = [get / b"GET /../../etc/passwd HTTP/1.0", get / b"GET /../../ETC/PassWD HTTP/1.0",
               get / b"GET /scripts/cmd.exe", get / b"q=<SCRIPT>alert(1)",
               IN_IP / UDP(sport=1, dport=2) / (bytes(10) + b"\x90" * 8)]
        good = [get / b"GET /etc/passw0rd", get / b"GET /cmd_exe", get / bytes([0x90] * 7),
                get.but(tcp_options=b"/etc/passwd\0"), WHO]
        result = self.check(every_ms("eth0", *bad, *good), {"eth1": good},
                            handlers=["in/hits.count", "in/m.count0", "out/hits.count"])
        self.assertEqual(result.handlers, {"in/hits.count": "5", "in/m.count0": "2",
                                           "out/hits.count": "0"})  # fmt: skip
        self.assertEqual(result.log.count("intrusion: "), 5)

    def test_the_way_out_is_watched_as_well(self):
        leak = OUT_IP / TCP(sport=80, dport=999, flags=ACK) / b"root:x:0:0 /etc/passwd"
        result = self.check(every_ms("eth1", leak, leak.but(data_bytes=b"hello")),
                            {"eth0": [leak.but(data_bytes=b"hello")]},
                            handlers=["out/hits.count"])
        self.assertEqual(result.handlers["out/hits.count"], "1")


class DNSFilter(MiddleboxTest):
    CONF = "dnsfilter"

    ASKED = OUT_IP / UDP(sport=5000, dport=53) / DNS(id=0x1234) / question("www.ads.example")

    def test_an_unwanted_name_does_not_exist(self):
        for name in ("ads.example", "www.ads.example", "WWW.Ads.EXAMPLE", "malware.test"):
            with self.subTest(name):
                asked = self.ASKED.but(data_bytes=question(name))
                answer = (Ether(src=OUT, dst=INN)
                          / IP(src="198.51.100.7", dst="10.0.0.5", ttl=ANY, id=ANY, frag=ANY)
                          / UDP(sport=53, dport=5000)
                          / DNS(id=0x1234, flags=0x8183) / question(name))  # fmt: skip
                self.check(every_ms("eth1", asked), {"eth1": [answer]})

    def test_all_else_passes(self):
        other = [
            self.ASKED.but(data_bytes=question("example")),
            self.ASKED.but(data_bytes=question("myads.example")),
            self.ASKED.but(data_bytes=question("ads.example.org")),
            self.ASKED.but(udp_dport=54),
            self.ASKED.but(dns_flags=0x8180),  # an answer
            self.ASKED.but(data_bytes=b"\x3fads\0"),  # a label beyond the packet
            self.ASKED.but(data_bytes=b"\xc0\x0c\0\1\0\1"),  # a pointer to itself
            OUT_IP / UDP(sport=5000, dport=53) / b"short",
            OUT_IP / TCP(sport=5000, dport=53),
            WHO,
        ]
        self.check(every_ms("eth1", *other), {"eth0": other})

    def test_answers_come_back_untouched(self):
        answer = IN_IP / UDP(sport=53, dport=5000) / DNS(flags=0x8180) / question("ads.example")
        self.check(every_ms("eth0", answer, WHO), {"eth1": [answer, WHO]})


if __name__ == "__main__":
    unittest.main(verbosity=2)
