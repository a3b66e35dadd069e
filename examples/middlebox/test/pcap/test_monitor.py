# SPDX-License-Identifier: BSD-2-Clause
"""The flow monitor: what it exports, read by the template that it sends (RFC 3954)."""

import ipaddress
import struct
import unittest

from packets import ACK, ANY, ARP, Ether, FIN, IP, PSH, SYN, TCP, UDP, dissect
from support import MiddleboxTest

ANN, BOB = "02:aa:00:00:00:01", "02:bb:00:00:00:02"
TO_BOB = Ether(src=ANN, dst=BOB) / IP(src="10.0.0.1", dst="10.0.0.2")
TO_ANN = Ether(src=BOB, dst=ANN) / IP(src="10.0.0.2", dst="10.0.0.1")
EXPORT = (Ether(src="02:00:00:00:00:03", dst="02:00:00:00:00:99")
          / IP(src="10.9.0.1", dst="10.9.0.2", id=ANY, ttl=ANY, len=ANY)
          / UDP(sport=2055, dport=2055, len=ANY) / b"")  # fmt: skip
FIELDS = {1: "bytes", 2: "packets", 4: "proto", 5: "tos", 6: "flags", 7: "sport", 8: "src",
          11: "dport", 12: "dst", 21: "last_ms", 22: "first_ms"}  # fmt: skip


class Collector:
    """Reads export datagrams, one after the other."""

    def __init__(self):
        self.templates = {}
        self.flows = []
        self.sequences = []

    def receive(self, data):
        """Take a datagram in. Raises AssertionError if it is not as the standard says."""
        version, count, _, _, sequence, source = struct.unpack_from(">HHIIII", data)
        assert version == 9 and source == 0
        self.sequences.append(sequence)
        at, records = 20, 0
        while at < len(data):
            kind, length = struct.unpack_from(">HH", data, at)
            assert length >= 4 and length % 4 == 0 and at + length <= len(data)
            body = data[at + 4 : at + length]
            records += self._template(body) if kind == 0 else self._records(kind, body)
            at += length
        assert records == count, f"{count} records promised, {records} sent"

    def _template(self, body):
        number, count = struct.unpack_from(">HH", body)
        self.templates[number] = [struct.unpack_from(">HH", body, 4 + 4 * n) for n in range(count)]
        return 1

    def _records(self, number, body):
        template = self.templates[number]
        size = sum(length for _, length in template)
        for start in range(0, len(body) - size + 1, size):
            at, record = start, {}
            for field, length in template:
                record[FIELDS.get(field, field)] = int.from_bytes(body[at : at + length])
                at += length
            for name in ("src", "dst"):
                record[name] = str(ipaddress.ip_address(record[name]))
            self.flows.append(record)
        return len(body) // size


class Monitor(MiddleboxTest):
    CONF = "monitor"

    def exports_of(self, arrivals, seconds, handlers=()):
        """Play packets; check what passes and how exports are wrapped; return a Collector."""
        result = self.play(arrivals, seconds, handlers)
        passed = {device: [bytes(packet) for _, where, packet in arrivals if where != device]
                  for device in ("eth0", "eth1")}  # fmt: skip
        for device, frames in passed.items():
            self.assertEqual([data for _, data in result.frames[device]], frames)
        collector = Collector()
        for _, data in result.frames["eth2"]:
            fields = dissect(data)
            for name, value in dissect(bytes(EXPORT)).items():
                if name not in EXPORT.anything() and not name.endswith("checksum"):
                    self.assertEqual(fields[name], value, name)
            self.assertEqual((fields["ip.checksum"], fields["udp.checksum"]), ("right", "right"))
            collector.receive(fields["data.bytes"])
        return collector

    def test_both_directions_of_a_connection_are_counted(self):
        ports, back = {"sport": 1000, "dport": 80}, {"sport": 80, "dport": 1000}
        arrivals = [
            (0.001, "eth0", TO_BOB / TCP(flags=SYN, **ports)),
            (0.002, "eth1", TO_ANN / TCP(flags=SYN | ACK, **back)),
            (1.000, "eth0", TO_BOB / TCP(flags=ACK | PSH, **ports) / bytes(100)),
            (1.500, "eth1", TO_ANN / TCP(flags=ACK | PSH, **back) / bytes(1000)),
            (2.000, "eth0", TO_BOB / TCP(flags=ACK | FIN, **ports)),
        ]
        flows = self.exports_of(arrivals, 30).flows
        there, here = sorted(flows, key=lambda flow: flow["src"])
        for name, value in {"src": "10.0.0.1", "dst": "10.0.0.2", "sport": 1000, "dport": 80,
                            "proto": 6, "tos": 0, "packets": 3, "bytes": 3 * 40 + 100,
                            "flags": SYN | ACK | PSH | FIN}.items():  # fmt: skip
            self.assertEqual(there[name], value, name)
        self.assertEqual(there["last_ms"] - there["first_ms"], 1999)
        self.assertEqual((here["packets"], here["bytes"], here["flags"]),
                         (2, 2 * 40 + 1000, SYN | ACK | PSH))  # fmt: skip

    def test_a_long_flow_is_exported_while_it_lasts(self):
        arrivals = [(n * 5 + 0.001, "eth0", TO_BOB / UDP(sport=1, dport=2)) for n in range(26)]
        flows = self.exports_of(arrivals, 150).flows
        self.assertEqual(sum(flow["packets"] for flow in flows), 26)
        self.assertEqual(len(flows), 3)

    def test_many_flows_fill_many_datagrams_in_sequence(self):
        arrivals = [(n / 1000, "eth0", TO_BOB / UDP(sport=n, dport=2)) for n in range(1, 200)]
        collector = self.exports_of(arrivals, 30)
        self.assertEqual(sorted(flow["sport"] for flow in collector.flows), list(range(1, 200)))
        self.assertEqual(collector.sequences, list(range(len(collector.sequences))))

    def test_when_the_table_is_full_no_packet_is_lost_and_none_uncounted(self):
        arrivals = [(n / 10000, "eth0", (TO_BOB / UDP(sport=n, dport=2))) for n in range(1, 6000)]
        flows = self.exports_of(arrivals, 30).flows
        self.assertEqual(sum(flow["packets"] for flow in flows), 5999)

    def test_what_is_no_flow_passes_uncounted(self):
        arrivals = [(0.001, "eth0", Ether(src=ANN) / ARP(sha=ANN, spa="10.0.0.1", tpa="10.0.0.2")),
                    (0.002, "eth1", Ether(src=BOB, dst=ANN, type=0x1234) / b"something")]
        self.assertEqual(self.exports_of(arrivals, 30).flows, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
