# SPDX-License-Identifier: BSD-2-Clause
"""Inputs to begin with, for fuzz_lwip: lwip_seeds.py FOLDER.

Each is a sequence of steps as fuzz_lwip.c reads them. Frames are drafts: packets.c fills in
checksums, and what must fit the connection at hand.
"""

import pathlib
import socket
import struct
import sys

GUEST_MAC, PEER_MAC = bytes.fromhex("00163e010203"), bytes.fromhex("020000000009")
GUEST, PEER, ROUTER = (socket.inet_aton(f"10.0.0.{n}") for n in (2, 9, 1))
GUEST6 = socket.inet_pton(socket.AF_INET6, "fe80::216:3eff:fe01:203")
PEER6 = socket.inet_pton(socket.AF_INET6, "fe80::9")
ALL6 = socket.inet_pton(socket.AF_INET6, "ff02::1")
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

TIME, CONNECT, USE, MEMORY, INTERFACE, PROGRAM, ASK = 8, 9, 10, 12, 13, 14, 15


def frame(payload, ether_type=0x0800, to=GUEST_MAC, keep=0, piece_bytes=0):
    """Return the step that delivers a frame."""
    draft = to + PEER_MAC + struct.pack(">H", ether_type) + payload
    return struct.pack("<BBBH", 0, keep, piece_bytes // 24, len(draft)) + draft


def ip4(protocol, payload, source=PEER, to=GUEST, fragment=0, options=b"", ident=1):
    """Return an IPv4 packet."""
    ihl = 5 + len(options) // 4
    return struct.pack(">BBHHHBBH", 0x40 | ihl, 0, 20 + len(options) + len(payload), ident,
                       fragment, 64, protocol, 0) + source + to + options + payload  # fmt: skip


def ip6(protocol, payload, source=PEER6, to=GUEST6, hops=255):
    """Return an IPv6 packet."""
    return struct.pack(">IHBB", 6 << 28, len(payload), protocol, hops) + source + to + payload


def in_ip6(protocol, payload, **others):
    """Return the step that delivers an IPv6 packet."""
    return frame(ip6(protocol, payload, **others), 0x86DD)


def tcp(flags, data=b"", seq=0, ack=0, options=b"", window=0x4000):
    """Return a TCP segment to the echo port; numbers count from what is expected next."""
    options += b"\1" * (-len(options) % 4)
    return struct.pack(">HHIIBBHHH", 4000, 7, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF,
                       (5 + len(options) // 4) << 4, flags, window, 0, 0) + options + \
        data  # fmt: skip


def segment(flags, data=b"", **others):
    """Return the step that delivers a TCP segment over IPv4."""
    return frame(ip4(6, tcp(flags, data, **others)))


def udp(source, to, data):
    """Return a UDP datagram."""
    return struct.pack(">HHHH", source, to, 8 + len(data), 0) + data


def arp(operation, sender=PEER, target=GUEST):
    """Return the step that delivers an ARP packet."""
    return frame(struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation) + PEER_MAC + sender +
                 GUEST_MAC + target, 0x0806)  # fmt: skip


def wait(ms):
    """Return the step that lets some time pass."""
    return bytes([TIME, 9, max(1, min(255, ms // 10))])


def use(what, fd=0, value=10):
    """Return the step that does something to a socket; see use_socket()."""
    return bytes([USE, what + 8 * fd, value])


SYN_OPTIONS = bytes.fromhex("020405b4 0402 080a00000001 00000000 01030307")
NEIGHBOUR = bytes([2, 1]) + PEER_MAC  # an option with a link-layer address
CLOSE, RESET, SHUT, READ, OPTION, SEND = range(6)

SYN_STEP = frame(ip4(6, tcp(SYN, options=SYN_OPTIONS)), keep=6)
OPEN = arp(1) + SYN_STEP + segment(ACK)
NEIGHBOUR_IS_KNOWN = in_ip6(58, struct.pack(">BBHI", 135, 0, 0, 0) + GUEST6 + NEIGHBOUR)
OPEN6 = (NEIGHBOUR_IS_KNOWN
         + frame(ip6(6, tcp(SYN, options=SYN_OPTIONS)), 0x86DD, keep=6)
         + in_ip6(6, tcp(ACK)))  # fmt: skip


def icmp6(kind, code=0, rest=b"\0\0\0\0"):
    """Return an ICMPv6 message."""
    return struct.pack(">BBH", kind, code, 0) + rest


def sack(*edges):
    """Return a SACK option; edges count from nothing in particular."""
    return struct.pack(f">BBBB{len(edges)}I", 1, 1, 5, 2 + 4 * len(edges), *edges)


def tcp_seeds():
    """Connections that are opened, used, abused and ended."""
    yield "tcp-echo", OPEN + segment(ACK | PSH, b"hello") + segment(ACK | FIN, seq=0)
    yield "tcp-pieces", arp(1) + SYN_STEP + segment(ACK) + frame(
        ip4(6, tcp(ACK | PSH, bytes(1400))), piece_bytes=120)  # fmt: skip
    yield "tcp-out-of-order", OPEN + b"".join(
        segment(ACK, bytes(500), seq=at) for at in (1000, 3000, 500, 2000, 0))  # fmt: skip
    yield "tcp-overlap", OPEN + segment(ACK, bytes(900), seq=400) + segment(
        ACK, bytes(700), seq=-200) + segment(ACK | FIN, bytes(10), seq=600)  # fmt: skip
    yield "tcp-reset", OPEN + segment(ACK, b"x") + segment(RST)
    yield "tcp-lazy", bytes([PROGRAM | 16]) + OPEN + segment(ACK, bytes(1400)) * 6 + \
        bytes([PROGRAM]) + wait(300)  # fmt: skip
    yield "tcp-send", OPEN + use(SEND, value=255) + segment(ACK, ack=-30000) + \
        segment(ACK, options=sack(1, 2), ack=-20000) * 4 + wait(2000) + segment(ACK)  # fmt: skip
    yield "tcp-zero-window", OPEN + segment(ACK, window=0) + use(SEND) + wait(5000) + \
        segment(ACK, window=100) + wait(900) + use(CLOSE)  # fmt: skip
    yield "tcp-half-closed", OPEN + segment(ACK | FIN) + use(SEND) + use(SHUT, value=1) + \
        segment(ACK) + use(CLOSE) + wait(2000)  # fmt: skip
    yield "tcp-linger", OPEN + segment(ACK, b"unread") + use(RESET)
    yield "tcp-simultaneous", OPEN + use(SHUT, value=1) + segment(FIN, ack=-1) + segment(ACK)
    yield "tcp-urgent", OPEN + segment(ACK | PSH | 32, b"urgent")
    yield "tcp-backlog", b"".join(
        frame(ip4(6, struct.pack(">H", 5000 + n) + tcp(SYN)[2:]), keep=7) for n in range(8)
    ) + wait(9000)  # fmt: skip
    yield "tcp-keepalive", OPEN + use(OPTION, value=1) + wait(60000) + segment(ACK, seq=-1)
    yield "tcp-timestamps", arp(1) + SYN_STEP + segment(
        ACK, b"t" * 100, options=b"\1\1\x08\x0a\0\0\0\2\0\0\0\1") + segment(ACK | FIN)  # fmt: skip
    yield "tcp-bad-options", OPEN + segment(ACK, options=b"\x02\x00\x05\xff\x03\x03\xff\x08")
    yield "connect", arp(2) + bytes([CONNECT, 0]) + segment(
        SYN | ACK, options=SYN_OPTIONS, seq=77) + use(SEND, value=99) + segment(ACK) + wait(500)
    yield "connect-refused", arp(2) + bytes([CONNECT, 0]) + segment(RST | ACK)
    yield "connect-unreachable", arp(2) + bytes([CONNECT, 0]) + frame(
        ip4(1, b"\3\1\0\0\0\0\0\0" + ip4(6, tcp(SYN)[:8], GUEST, PEER)))  # fmt: skip
    yield "connect-to-itself", bytes([CONNECT, 3]) + wait(100)
    yield "tcp6-echo", OPEN6 + in_ip6(6, tcp(ACK | PSH, b"hello")) + in_ip6(6, tcp(ACK | FIN))
    yield "tcp6-large", OPEN6 + use(SEND, value=200) + in_ip6(6, tcp(ACK)) + in_ip6(
        58, icmp6(2, 0, struct.pack(">I", 1280) + ip6(6, tcp(ACK), GUEST6, PEER6))
    ) + use(SEND, value=200) + wait(2000)  # fmt: skip


def ip_seeds():
    """Below TCP: addresses, errors, fragments, groups."""
    yield "arp", arp(1) + arp(2) + arp(1, sender=GUEST)
    yield "arp-short", frame(arp(1)[20:30], 0x0806)
    yield "ip4-short", frame(ip4(1, b"")[:12])
    echo = b"\x08\0\0\0\0\1\0\1" + bytes(56)
    route = b"\x07\x07\4\0\0\0\0\0"
    yield "ping", arp(1) + frame(ip4(1, echo)) + frame(ip4(1, echo, options=route))
    pieces = [echo * 40 for _ in range(3)]
    yield "fragments", arp(1) + b"".join(
        frame(ip4(1, data, fragment=n * 320 | (0x2000 if n < 2 else 0)))
        for n, data in enumerate(pieces))  # fmt: skip
    yield "fragments-overlap", arp(1) + frame(ip4(17, bytes(64), fragment=0x2000)) + frame(
        ip4(17, bytes(64), fragment=0x2004)) + frame(ip4(17, bytes(8), fragment=8)) + \
        wait(20000)  # fmt: skip
    yield "fragment-beyond", frame(ip4(17, bytes(800), fragment=0x1FFF))
    yield "udp", arp(1) + frame(ip4(17, udp(4000, 7, b"hello"))) + frame(
        ip4(17, udp(4000, 9, b"nobody")))  # fmt: skip
    yield "udp-broadcast", frame(ip4(17, udp(4000, 7, b"x"), to=b"\xff" * 4), to=b"\xff" * 6)
    yield "igmp", frame(ip4(2, b"\x11\x64\0\0\0\0\0\0", to=b"\xe0\0\0\1")) + wait(9000)
    yield "loopback-from-outside", frame(ip4(6, tcp(SYN), source=b"\x7f\0\0\1", to=b"\x7f\0\0\1"))
    yield "vlan", frame(struct.pack(">HH", 5, 0x0800) + ip4(1, echo), 0x8100)


def ip6_seeds():
    """IPv6: neighbours, routers, groups, extension headers."""
    echo = icmp6(128, 0, b"\0\1\0\1" + bytes(56))
    yield "ping6", NEIGHBOUR_IS_KNOWN + in_ip6(58, echo)
    yield "neighbour", in_ip6(58, icmp6(136, 0, b"\x60\0\0\0" + PEER6 + b"\2\1" + PEER_MAC)) + \
        in_ip6(58, icmp6(135, 0, bytes(4) + GUEST6), source=bytes(16), to=ALL6)  # fmt: skip
    prefix = struct.pack(">BBBBIII", 3, 4, 64, 0xC0, 600, 300, 0) + \
        socket.inet_pton(socket.AF_INET6, "fd00::")  # fmt: skip
    names = struct.pack(">BBHI", 25, 3, 0, 600) + PEER6
    mtu = struct.pack(">BBHI", 5, 1, 0, 1400)
    advert = icmp6(134, 0, struct.pack(">BBHII", 64, 0x40, 1800, 0, 0) + NEIGHBOUR + prefix +
                   mtu + names)  # fmt: skip
    yield "router", in_ip6(58, advert, to=ALL6) + wait(3000) + in_ip6(
        17, udp(547, 546, b"\7\0\0\0" + b"\0\x17\0\x10" + PEER6)) + bytes([CONNECT, 2])  # fmt: skip
    yield "router-goes", in_ip6(58, advert, to=ALL6) + in_ip6(
        58, icmp6(134, 0, struct.pack(">BBHII", 64, 0, 0, 0, 0)), to=ALL6) + wait(2000)  # fmt: skip
    yield "redirect", in_ip6(58, advert, to=ALL6) + in_ip6(
        58, icmp6(137, 0, bytes(4) + PEER6 + PEER6 + NEIGHBOUR))  # fmt: skip
    yield "mld", in_ip6(58, icmp6(130, 0, b"\0\x64\0\0" + bytes(16)), to=ALL6) + wait(1000)
    headers = b"\x3c\0\5\2\0\0\1\0" + b"\x2b\0\1\2\0\0\0\0" + b"\x3a\0\0\0\0\0\0\0"
    yield "ip6-short", frame(ip6(58, echo)[:30], 0x86DD)
    yield "ip6-header", in_ip6(0, b"") + in_ip6(60, b"\x3a") + in_ip6(43, b"\x3a\7" + bytes(6))
    yield "ip6-option", in_ip6(60, b"\x3a\0\1\4\0\0\0\0") + in_ip6(0, b"\x3a\0\1\3\0\0\0\5")
    yield "extensions6", in_ip6(0, headers + echo)
    yield "fragments6", NEIGHBOUR_IS_KNOWN + b"".join(
        in_ip6(44, struct.pack(">BBHI", 58, 0, n * 800 | (n < 2), 7) + (echo * 20)[:800])
        for n in range(3)) + wait(61000)  # fmt: skip
    yield "fragments6-overlap", in_ip6(44, struct.pack(">BBHI", 17, 0, 1, 8) + bytes(80)) + in_ip6(
        44, struct.pack(">BBHI", 17, 0, 40 | 1, 8) + bytes(80)) + wait(61000)  # fmt: skip
    yield "udp6", NEIGHBOUR_IS_KNOWN + in_ip6(17, udp(4000, 7, b"hello"))


def service_seeds():
    """Answers to the guest's own questions: DHCP and DNS."""
    head = struct.pack(">BBBBIHH", 2, 1, 6, 0, 0, 0, 0) + bytes(4) + GUEST + ROUTER + bytes(4) + \
        GUEST_MAC + bytes(10 + 192) + bytes.fromhex("63825363")  # fmt: skip
    common = b"\x36\4" + ROUTER + b"\x33\4\0\0\2\x58" + b"\1\4\xff\xff\xff\0" + b"\3\4" + ROUTER + \
        b"\6\4" + ROUTER + b"\xff"  # fmt: skip

    def dhcp(kind):
        return frame(ip4(17, udp(67, 68, head + bytes([53, 1, kind]) + common), ROUTER,
                         b"\xff" * 4), to=b"\xff" * 6)  # fmt: skip

    lease = bytes([INTERFACE, 4]) + dhcp(2) + wait(100) + dhcp(5)
    yield "dhcp", lease + wait(400000) + dhcp(5)
    yield "dhcp-refused", bytes([INTERFACE, 4]) + dhcp(2) + dhcp(6) + wait(12000) + dhcp(2)
    overload = head[:28 + 16] + b"\x36\4" + ROUTER + bytes(192 - 6 + 64 - 64) + head[-4:] + \
        b"\x34\1\3" + b"\x35\1\2\xff"  # fmt: skip
    yield "dhcp-overload", bytes([INTERFACE, 4]) + frame(
        ip4(17, udp(67, 68, overload), ROUTER, b"\xff" * 4), to=b"\xff" * 6)  # fmt: skip
    name = b"\4name\7example\0"
    answer = struct.pack(">HHHHHH", 0, 0x8180, 1, 1, 0, 0) + name + b"\0\1\0\1" + \
        b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + PEER  # fmt: skip
    alias = struct.pack(">HHHHHH", 0, 0x8180, 1, 2, 0, 0) + name + b"\0\1\0\1" + \
        b"\xc0\x0c\0\5\0\1\0\0\0\x3c\0\4\1a\xc0\x0c" + b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + \
        PEER  # fmt: skip
    loop = struct.pack(">HHHHHH", 0, 0x8180, 1, 1, 0, 0) + b"\xc0\x0c\0\1\0\1"
    for label, text in ("dns", answer), ("dns-alias", alias), ("dns-loop", loop):
        yield label, arp(2, sender=ROUTER) + lease + bytes([ASK]) + wait(10) + frame(
            ip4(17, udp(53, 1000, text), ROUTER)) + wait(9000)  # fmt: skip


def option(code, text):
    """Return one of DHCPv6's options."""
    return struct.pack(">HH", code, len(text)) + text


def dhcpv6_seeds():
    """What DHCPv6's servers say to a guest that routers have sent to them."""
    address = option(5, bytes.fromhex("fd070000000000000000000000000050") + struct.pack(
        ">II", 600, 900) + option(13, b"\0\0"))  # fmt: skip
    ours = option(1, b"\0\3\0\1" + GUEST_MAC)
    server = option(2, b"\0\3\0\1\2\0\0\0\0\x09")
    names = option(23, bytes.fromhex("fd070000000000000000000000000001"))
    limits = option(82, b"\0\0\0\x3c") + option(83, b"\0\0\0\x3c") + option(32, b"\0\0\2\x58")

    def answer(kind, *options):
        return in_ip6(17, udp(547, 546, bytes([kind, 0, 0, 0]) + ours + server + b"".join(options)))

    def router(flags):
        return in_ip6(58, struct.pack(">BBHBBHII", 134, 0, 0, 64, flags, 1800, 0, 0))

    minute = bytes([TIME, 255, 255])
    lease = option(3, struct.pack(">III", 0, 60, 120) + address)
    managed = router(128) + wait(1100)
    yield "dhcpv6-names", router(64) + wait(1100) + answer(7, names, limits) + minute * 12
    yield "dhcpv6", managed + answer(2, lease, option(7, b"\xff")) + wait(1) + answer(
        7, lease, names) + minute + answer(7, lease) + minute * 2  # fmt: skip
    yield "dhcpv6-forgotten", managed + answer(7, option(14, b""), lease) + minute + answer(
        7, option(3, bytes(12) + option(13, b"\0\3"))) + wait(1000)  # fmt: skip
    yield "dhcpv6-rapid", managed + answer(7, option(14, b""), lease) + minute * 15
    yield "dhcpv6-refused", managed + answer(2, option(13, b"\0\2none"), limits) + answer(
        2, option(3, bytes(12) + option(13, b"\0\2"))) + wait(3000)  # fmt: skip
    yield "dhcpv6-moved", managed + answer(7, option(14, b""), lease) + wait(3000) + bytes(
        [INTERFACE, 0]) + wait(1000) + bytes([INTERFACE, 5]) + wait(1100) + answer(
        7, option(13, b"\0\4")) + wait(2000)  # fmt: skip


def trouble_seeds():
    """The same with little memory, and with an interface that comes and goes."""
    for left in (0, 1, 2, 4, 7):
        yield f"memory-{left}", arp(1) + bytes([MEMORY, left]) + SYN_STEP + segment(ACK) + \
            segment(ACK, bytes(700)) + use(SEND) + bytes([MEMORY | 16]) + wait(3000)  # fmt: skip
    yield "full", OPEN + bytes([INTERFACE, 1]) + use(SEND, value=255) + use(SEND, value=255) + \
        wait(100) + bytes([INTERFACE, 5]) + segment(ACK) + wait(1000)  # fmt: skip
    yield "link-goes", OPEN + use(SEND, value=99) + bytes([INTERFACE, 0]) + wait(3000) + \
        bytes([INTERFACE, 5]) + wait(3000) + segment(ACK)  # fmt: skip
    yield "other-backend", OPEN + bytes([INTERFACE, 3 | 64, INTERFACE, 5]) + \
        use(SEND, value=255) + segment(ACK)  # fmt: skip


def main():
    """Write all seeds into a folder."""
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for seeds in tcp_seeds, ip_seeds, ip6_seeds, service_seeds, dhcpv6_seeds, trouble_seeds:
        for name, steps in seeds():
            (folder / name).write_bytes(steps)


if __name__ == "__main__":
    main()
