# SPDX-License-Identifier: BSD-2-Clause
"""Middleboxes that hold back what is too much: rate limiter, shaper, scrubber."""

import unittest

from packets import ACK, ANY, ARP, Ether, FIN, IP, PSH, RST, SYN, TCP, UDP
from support import MiddleboxTest, every_ms
import packets

ANN, BOB = "02:aa:00:00:00:01", "02:bb:00:00:00:02"


def flow(device, packet, per_second, seconds, begin=0):
    """Return arrivals of numbered copies of a packet at a steady pace."""
    return [(begin + number / per_second, device, packet.but(ip_id=number))
            for number in range(int(per_second * seconds))]  # fmt: skip


def sent_bytes(frames, since, until):
    """Return how many bytes were sent between two moments."""
    return sum(len(data) for at, data in frames if since <= at < until)


class RateLimiter(MiddleboxTest):
    CONF = "ratelimit"

    BULK = (Ether(src=ANN, dst=BOB) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2)
            / bytes(958))  # fmt: skip

    def test_what_is_above_the_rate_is_dropped_and_the_rest_passes_unchanged(self):
        sent = flow("eth0", self.BULK, 2500, 2)  # 20 Mbit/s
        result = self.play(sent, 3, ["dropped.count"])
        frames = result.frames["eth1"]
        self.assertEqual(int(result.handlers["dropped.count"]), len(sent) - len(frames))
        rate = sent_bytes(frames, 0.5, 1.5)
        self.assertTrue(1_240_000 <= rate <= 1_260_000, rate)
        originals = {bytes(packet) for _, _, packet in sent}
        self.assertTrue(all(data in originals for _, data in frames))
        order = [int.from_bytes(data[18:20]) for _, data in frames]
        self.assertEqual(order, sorted(order))

    def test_what_is_below_the_rate_passes_whole(self):
        sent = flow("eth1", self.BULK, 1000, 1)  # 8 Mbit/s
        self.check(sent, {"eth0": [packet for _, _, packet in sent]}, 2)


class Shaper(MiddleboxTest):
    CONF = "shaper"

    BULK = (Ether(src=ANN, dst=BOB) / IP(src="10.0.0.1", dst="10.0.0.2")
            / TCP(sport=1, dport=80, flags=ACK) / bytes(946))  # fmt: skip
    OTHER = (Ether(src=ANN, dst=BOB) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=9)
             / bytes(458))  # fmt: skip

    def test_bulk_is_shaped_and_never_changed(self):
        sent = flow("eth0", self.BULK, 2500, 2)
        result = self.play(sent, 3)
        rate = sent_bytes(result.frames["eth1"], 0.5, 1.5)
        self.assertTrue(980_000 <= rate <= 1_020_000, rate)
        originals = {bytes(packet) for _, _, packet in sent}
        self.assertTrue(all(data in originals for _, data in result.frames["eth1"]))

    def test_the_interactive_goes_first(self):
        urgent = [self.OTHER.but(udp_dport=53), self.BULK.but(tcp_dport=22),
                  self.OTHER.but(ip_tos=46 << 2),
                  Ether(src=ANN) / ARP(sha=ANN, spa="10.0.0.1", tpa="10.0.0.2")]  # fmt: skip
        sent = flow("eth0", self.BULK, 2500, 1)
        arrivals = sent + [(0.9 + n / 100, "eth0", packet) for n, packet in enumerate(urgent)]
        frames = self.play(sorted(arrivals, key=lambda item: item[0]), 2).frames["eth1"]
        when = {data: at for at, data in frames}
        for number, packet in enumerate(urgent):
            late = when[bytes(packet)] - (0.9 + number / 100)
            self.assertLess(late, 0.003, packets.summary(bytes(packet)))
        bulk = [at - int.from_bytes(data[18:20]) / 2500 for at, data in frames if len(data) == 1000]
        self.assertGreater(max(bulk), 0.05)  # which had to wait

    def test_the_rest_shares_by_bytes(self):
        sent = sorted(flow("eth0", self.BULK, 2000, 2) + flow("eth0", self.OTHER, 4000, 2),
                      key=lambda item: item[0])  # fmt: skip
        frames = self.play(sent, 2).frames["eth1"]
        bulk = sent_bytes([frame for frame in frames if len(frame[1]) == 1000], 0.5, 1.9)
        other = sent_bytes([frame for frame in frames if len(frame[1]) == 500], 0.5, 1.9)
        self.assertTrue(0.95 < bulk / other < 1.05, (bulk, other))


class Scrubber(MiddleboxTest):
    CONF = "scrubber"

    OUT0, OUT1 = "02:00:00:00:00:01", "02:00:00:00:00:02"  # its own
    GATEWAY, SERVER = "02:99:00:00:00:99", "02:bb:00:00:00:05"
    IN = Ether(src=GATEWAY, dst=OUT0) / IP(src="198.51.100.7", dst="10.0.0.5")
    ASK_GATEWAY = Ether(src=OUT0) / ARP(sha=OUT0, spa="10.255.0.1", tpa="10.255.0.254")
    GATEWAY_IS = (0.002, "eth0", Ether(src=GATEWAY, dst=OUT0) / ARP(
        op=2, sha=GATEWAY, spa="10.255.0.254", tha=OUT0, tpa="10.255.0.1"))  # fmt: skip
    ASK_SERVER = Ether(src=OUT1) / ARP(sha=OUT1, spa="10.255.0.2", tpa="10.0.0.5")
    SERVER_IS = Ether(src=SERVER, dst=OUT1) / ARP(op=2, sha=SERVER, spa="10.0.0.5", tha=OUT1,
                                                  tpa="10.255.0.2")
    SYN_IN = (0.001, "eth0", IN / TCP(sport=4000, dport=80, seq=100))
    SYN_ACK = (Ether(src=OUT0, dst=GATEWAY)
               / IP(src="10.0.0.5", dst="198.51.100.7", id=ANY, ttl=ANY, frag=ANY)
               / TCP(sport=80, dport=4000, seq=ANY, ack=101, flags=SYN | ACK, window=ANY,
                     options=b"\2\4\5\xb4"))  # fmt: skip

    def cookie(self):
        """Return the sequence number that it answers SYN_IN with: the same in each run."""
        frames = self.check([self.SYN_IN, self.GATEWAY_IS],
                            {"eth0": [self.ASK_GATEWAY, self.SYN_ACK]}).frames["eth0"]  # fmt: skip
        return packets.dissect(frames[1][1])["tcp.seq"]

    def test_a_flood_of_beginnings_reaches_nobody_and_leaves_nothing(self):
        flood = [(0.01 + n / 10000, "eth0", self.IN.but(ip_src=f"198.51.{n // 250}.{n % 250}")
                  / TCP(sport=4000 + n, dport=80, seq=n)) for n in range(2000)]  # fmt: skip
        result = self.play([self.SYN_IN, self.GATEWAY_IS, *flood], 1, ["proxy.size", "proxy.syns"])
        self.assertEqual(result.handlers, {"proxy.size": "0", "proxy.syns": "2001"})
        self.assertEqual(result.frames["eth1"], [])

    def test_a_client_that_returns_the_cookie_talks_to_the_server(self):
        cookie, server_seq = self.cookie(), 77_000
        ack = self.IN / TCP(sport=4000, dport=80, seq=101, ack=cookie + 1, flags=ACK)
        from_server = (Ether(src=self.SERVER, dst=self.OUT1)
                       / IP(src="10.0.0.5", dst="198.51.100.7"))  # fmt: skip
        opened = from_server / TCP(sport=80, dport=4000, seq=server_seq, ack=101, flags=SYN | ACK)
        get = self.IN / TCP(sport=4000, dport=80, seq=101, ack=cookie + 1, flags=ACK | PSH) / b"GET"
        page = (from_server / TCP(sport=80, dport=4000, seq=server_seq + 1, ack=104,
                                  flags=ACK | PSH) / b"page")  # fmt: skip
        to_server = Ether(src=self.OUT1, dst=self.SERVER) / IP(
            src="198.51.100.7", dst="10.0.0.5", id=ANY, ttl=ANY, frag=ANY)  # fmt: skip
        own = {"sport": 4000, "dport": 80, "window": ANY}
        self.check(
            [self.SYN_IN, self.GATEWAY_IS, (0.01, "eth0", ack), (0.02, "eth1", self.SERVER_IS),
             (0.03, "eth1", opened), (0.04, "eth0", get), (0.05, "eth1", page)],
            {"eth0": [self.ASK_GATEWAY, self.SYN_ACK,
                      page.but(ether_src=self.OUT0, ether_dst=self.GATEWAY,
                               tcp_seq=cookie + 1 & 0xFFFFFFFF)],
             "eth1": [self.ASK_SERVER,
                      to_server / TCP(seq=100, flags=SYN, options=b"\2\4\2\x18", **own),
                      to_server / TCP(seq=101, ack=server_seq + 1, flags=ACK, **own),
                      get.but(ether_src=self.OUT1, ether_dst=self.SERVER, tcp_ack=server_seq + 1)]},
        )  # fmt: skip

    def test_a_wrong_cookie_is_reset(self):
        wrong = self.cookie() + 9
        ack = self.IN / TCP(sport=4000, dport=80, seq=101, ack=wrong, flags=ACK)
        reset = self.SYN_ACK.but(tcp_flags=RST, tcp_seq=wrong, tcp_ack=0, tcp_options=b"")
        result = self.check([self.SYN_IN, self.GATEWAY_IS, (0.01, "eth0", ack)],
                            {"eth0": [self.ASK_GATEWAY, self.SYN_ACK, reset]},
                            handlers=["proxy.bad_cookies", "proxy.size"])  # fmt: skip
        self.assertEqual(result.handlers, {"proxy.bad_cookies": "1", "proxy.size": "0"})

    def test_segments_of_no_connection_are_dropped(self):
        self.check(every_ms("eth0", *(self.IN / TCP(sport=4000, dport=80, flags=flags)
                                      for flags in (FIN, RST, RST | ACK, FIN | ACK | SYN, 0))),
                   {})  # fmt: skip

    def test_the_rest_is_limited_to_a_rate(self):
        first = self.IN / UDP(sport=1, dport=53)
        flood = flow("eth0", first, 20000, 1, begin=0.1)
        result = self.play([(0.001, "eth0", first), (0.002, "eth1", self.SERVER_IS), *flood], 2,
                           ["flood.count"])  # fmt: skip
        passed = len(result.frames["eth1"]) - 2  # but the question, and the first
        self.assertEqual(passed + int(result.handlers["flood.count"]), 20000)
        self.assertTrue(4900 <= passed <= 5350, passed)


if __name__ == "__main__":
    unittest.main(verbosity=2)
