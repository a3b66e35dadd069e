# SPDX-License-Identifier: BSD-2-Clause
"""Ethernet frames for benchmarks, and pcap files of them.

Addresses are text ("10.0.0.1", "02:00:00:00:00:01"); frames are bytes, without the check sequence.
"""

import ipaddress
import itertools
import struct

GENERATOR = "02:00:00:00:00:99"  # as in lab/frames.c
ETHER_BYTES = 14
CRC_BYTES = 4  # counted in a frame's size, as everywhere
ETHERTYPE_IP, ETHERTYPE_ARP = 0x0800, 0x0806
TCP_ACK, TCP_SYN = 0x10, 0x02
TTL = 64


def ethernet(destination, ethertype, payload, source=GENERATOR):
    """Return a frame."""
    addresses = bytes.fromhex((destination + source).replace(":", ""))
    return addresses + struct.pack("!H", ethertype) + payload


def checksum(data):
    """RFC 1071's sum of `data`, of even length, as it goes into a header."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip4(source, destination, protocol, payload):
    """Return an IPv4 packet."""
    length = 20 + len(payload)
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 1, 0, TTL, protocol, 0,
                         packed(source), packed(destination))  # fmt: skip
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def packed(address):
    """Return an IPv4 address as bytes."""
    return ipaddress.IPv4Address(address).packed


def transport_sum(source, destination, protocol, segment):
    """The checksum of a TCP segment or UDP datagram whose checksum field is zero."""
    pseudo = packed(source) + packed(destination) + struct.pack("!HH", protocol, len(segment))
    return checksum(pseudo + segment + bytes(len(segment) % 2))


def udp(source, source_port, destination, destination_port, payload):
    """Return an IPv4 packet with a UDP datagram."""
    head = struct.pack("!HHH", source_port, destination_port, 8 + len(payload))
    value = transport_sum(source, destination, 17, head + b"\0\0" + payload) or 0xFFFF
    return ip4(source, destination, 17, head + struct.pack("!H", value) + payload)


def tcp(source, source_port, destination, destination_port, payload, flags=TCP_ACK):
    """Return an IPv4 packet with a TCP segment."""
    ack = 1 if flags & TCP_ACK else 0
    head = struct.pack("!HHIIBBH", source_port, destination_port, 1000, ack, 0x50, flags, 8192)
    value = transport_sum(source, destination, 6, head + bytes(4) + payload)
    return ip4(source, destination, 6, head + struct.pack("!HH", value, 0) + payload)


def arp_request(sender, sender_mac, target):
    """Return a frame that asks for the Ethernet address of `target`."""
    body = struct.pack("!HHBBH", 1, ETHERTYPE_IP, 6, 4, 1)
    body += bytes.fromhex(sender_mac.replace(":", "")) + packed(sender)
    return ethernet("ff:ff:ff:ff:ff:ff", ETHERTYPE_ARP, body + bytes(6) + packed(target),
                    source=sender_mac)  # fmt: skip


def dns_query(number, name):
    """Return a DNS message that asks for the IPv4 addresses of `name`."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


def filled(size, make, least=b""):
    """Return make(payload) with the payload that gives a frame of `size` bytes, check sequence
    counted. The payload begins with `least`; a frame that needs more than `size` is longer."""
    overhead = len(make(least)) + CRC_BYTES
    return make(least + bytes(max(0, size - overhead)))


def pcap(frames):
    """Return a pcap file (version 2.4, Ethernet) of `frames`."""
    parts = [struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for number, frame in enumerate(frames):
        parts += [struct.pack("=IIII", 0, number, len(frame), len(frame)), frame]
    return b"".join(parts)


def spread(count, base, step=1):
    """Yield `count` IPv4 addresses as text, from `base` on, `step` apart."""
    first = ipaddress.IPv4Address(base)
    return (str(first + n * step) for n in itertools.islice(itertools.count(), count))
