# SPDX-License-Identifier: BSD-2-Clause
"""Packets as layers with named fields: to write them down, to build them, and to tell two apart.

    Ether(src=A, dst=B) / IP(src="10.0.0.5", dst="10.1.0.9") / UDP(sport=777, dport=53) / b"text"

is a packet; `bytes()` of it has lengths, types and checksums filled in. `packet.but(ip_ttl=63)` is
the same packet with another field: what most middleboxes make of theirs. A field that is ANY may be
anything. differences() tells by fields what is wrong with a packet that came out.
"""

import ipaddress
import struct

ANY = object()

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
BROADCAST = "ff:ff:ff:ff:ff:ff"
NOBODY = "00:00:00:00:00:00"
PACK = {"u8": "B", "u16": ">H", "u32": ">I"}
SIZES = {"u8": 1, "u16": 2, "u32": 4, "mac": 6, "ip4": 4, "ip6": 16}


def checksum(data):
    """Return the Internet checksum of some bytes: 0 if they hold their own right one."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pack_value(kind, value):
    """Return a field's bytes."""
    if kind == "mac":
        return bytes.fromhex(value.replace(":", ""))
    if kind in ("ip4", "ip6"):
        return ipaddress.ip_address(value).packed
    if kind == "bytes":
        return value
    return struct.pack(PACK[kind], value)


def unpack_value(kind, data):
    """Return a field's value: an integer, an address as text, or bytes."""
    if kind == "mac":
        return data.hex(":")
    if kind in ("ip4", "ip6"):
        return str(ipaddress.ip_address(data))
    if kind == "bytes":
        return data
    return struct.unpack(PACK[kind], data)[0]


class Layer:
    """One header. FIELDS are (name, kind, default); None is filled in when the packet is built."""

    NAME = ""
    FIELDS = ()

    def __init__(self, **values):
        names = {name for name, _, _ in self.FIELDS}
        if unknown := values.keys() - names:
            raise TypeError(f"{self.NAME} has no {', '.join(unknown)}")
        self.values = {name: default for name, _, default in self.FIELDS} | values

    def __truediv__(self, other):
        return Packet([self]) / other

    def filled(self, values, _payload, _following):
        """Return the values with those that were None: by what follows."""
        return values

    def build(self, payload, following):
        """Return the bytes of this header (with ANY as zero)."""
        zeros = {"mac": NOBODY, "ip4": "0.0.0.0", "ip6": "::", "bytes": b""}
        values = {name: zeros.get(kind, 0) if self.values[name] is ANY else self.values[name]
                  for name, kind, _ in self.FIELDS}  # fmt: skip
        values = self.filled(values, payload, following)
        return b"".join(pack_value(kind, values[name]) for name, kind, _ in self.FIELDS)

    def close(self, packet, _parent):
        """Return the finished bytes of header and payload: where checksums are put in."""
        return packet

    @classmethod
    def parse(cls, data, _parent):
        """Take the header from the front: (values, rest), or None when it is cut short."""
        values, at = {}, 0
        for name, kind, _ in cls.FIELDS:
            size = cls.size_of(name, kind, values)
            if len(data) < at + size:
                return None
            values[name] = unpack_value(kind, data[at : at + size])
            at += size
        return values, data[at:]

    @classmethod
    def size_of(cls, _name, kind, _values):
        """Return how long a field is, given those before it."""
        return SIZES[kind]

    @classmethod
    def next_layer(cls, _values):
        """Return the class of what follows."""
        return Raw


class Raw(Layer):
    """What no layer knows."""

    NAME = "data"
    FIELDS = (("bytes", "bytes", b""),)

    @classmethod
    def parse(cls, data, _parent):
        return {"bytes": data}, b""


class Ether(Layer):
    NAME = "ether"
    FIELDS = (("dst", "mac", BROADCAST), ("src", "mac", NOBODY), ("type", "u16", None))

    def filled(self, values, _payload, following):
        if values["type"] is None:
            values["type"] = {"arp": 0x0806, "ip": 0x0800, "ip6": 0x86DD}.get(following, 0)
        return values

    @classmethod
    def next_layer(cls, values):
        return {0x0806: ARP, 0x0800: IP, 0x86DD: IP6}.get(values["type"], Raw)


class ARP(Layer):
    NAME = "arp"
    FIELDS = (("hardware", "u16", 1), ("protocol", "u16", 0x0800), ("hlen", "u8", 6),
              ("plen", "u8", 4), ("op", "u16", 1),
              ("sha", "mac", NOBODY), ("spa", "ip4", "0.0.0.0"),
              ("tha", "mac", NOBODY), ("tpa", "ip4", "0.0.0.0"))  # fmt: skip


class IP(Layer):
    NAME = "ip"
    FIELDS = (("version", "u8", None), ("tos", "u8", 0), ("len", "u16", None), ("id", "u16", 0),
              ("frag", "u16", 0), ("ttl", "u8", 64), ("proto", "u8", None),
              ("checksum", "u16", None), ("src", "ip4", "0.0.0.0"), ("dst", "ip4", "0.0.0.0"),
              ("options", "bytes", b""))  # fmt: skip
    PROTOCOLS = {"icmp": 1, "ip": 4, "tcp": 6, "udp": 17}

    def filled(self, values, payload, following):
        header = 20 + len(values["options"])
        for name, value in (("version", 0x40 | header // 4), ("len", header + len(payload)),
                            ("proto", self.PROTOCOLS.get(following, 255)), ("checksum", 0)):
            if values[name] is None:
                values[name] = value
        return values

    def close(self, packet, _parent):
        if self.values["checksum"] is None:
            header = (packet[0] & 15) * 4
            packet = packet[:10] + struct.pack(">H", checksum(packet[:header])) + packet[12:]
        return packet

    @classmethod
    def size_of(cls, name, kind, values):
        return max((values["version"] & 15) * 4 - 20, 0) if name == "options" else SIZES[kind]

    @classmethod
    def parse(cls, data, parent):
        found = super().parse(data, parent)
        if found:
            values, rest = found
            header = len(data) - len(rest)
            values["checksum"] = "right" if checksum(data[:header]) == 0 else "wrong"
        return found

    @classmethod
    def next_layer(cls, values):
        if values["frag"] & 0x3FFF:  # a fragment's checksums are of the whole
            return Raw
        return {1: ICMP, 4: IP, 6: TCP, 17: UDP}.get(values["proto"], Raw)


class IP6(Layer):
    NAME = "ip6"
    FIELDS = (("version", "u32", 0x60000000), ("len", "u16", None), ("proto", "u8", None),
              ("hops", "u8", 255), ("src", "ip6", "::"), ("dst", "ip6", "::"))  # fmt: skip

    def filled(self, values, payload, following):
        for name, value in (("len", len(payload)), ("proto", {"nd": 58}.get(following, 59))):
            if values[name] is None:
                values[name] = value
        return values

    @classmethod
    def next_layer(cls, values):
        return ND if values["proto"] == 58 else Raw


def pseudo_header(parent, proto, length):
    """Return what of the network header goes into a transport checksum."""
    src, dst = (ipaddress.ip_address(parent[name]).packed for name in ("src", "dst"))
    return src + dst + struct.pack(">HH", proto, length)


class Transport(Layer):
    """A header whose checksum covers the payload, and perhaps addresses."""

    AT = 0  # of the checksum
    PROTO = None  # of the pseudo header; None: there is none

    def close(self, packet, parent):
        if self.values["checksum"] is not None:
            return packet
        pseudo = pseudo_header(parent, self.PROTO, len(packet)) if self.PROTO else b""
        return (packet[: self.AT] + struct.pack(">H", checksum(pseudo + packet))
                + packet[self.AT + 2 :])  # fmt: skip

    def filled(self, values, payload, following):
        if values["checksum"] is None:
            values["checksum"] = 0
        return values

    @classmethod
    def parse(cls, data, parent):
        found = super().parse(data, parent)
        if found:
            pseudo = pseudo_header(parent, cls.PROTO, len(data)) if cls.PROTO else b""
            none = cls is UDP and found[0]["checksum"] == 0
            right = checksum(pseudo + data) == 0
            found[0]["checksum"] = "none" if none else "right" if right else "wrong"
        return found


class ICMP(Transport):
    """An echo, or an error: `id` and `seq` are then what the error puts there."""

    NAME = "icmp"
    FIELDS = (("type", "u8", 8), ("code", "u8", 0), ("checksum", "u16", None), ("id", "u16", 0),
              ("seq", "u16", 0))  # fmt: skip
    AT = 2

    @classmethod
    def next_layer(cls, values):
        return Quoted if values["type"] in (3, 4, 5, 11, 12) else Raw


class Quoted(IP):
    """The beginning of a packet, in an ICMP error."""

    NAME = "quoted"

    @classmethod
    def next_layer(cls, values):
        return Raw


class ND(Transport):
    """A neighbour solicitation or advertisement."""

    NAME = "nd"
    FIELDS = (("type", "u8", 135), ("code", "u8", 0), ("checksum", "u16", None),
              ("flags", "u32", 0), ("target", "ip6", "::"))  # fmt: skip
    AT = 2
    PROTO = 58


class UDP(Transport):
    NAME = "udp"
    FIELDS = (("sport", "u16", 0), ("dport", "u16", 0), ("len", "u16", None),
              ("checksum", "u16", None))  # fmt: skip
    AT = 6
    PROTO = 17

    def filled(self, values, payload, following):
        if values["len"] is None:
            values["len"] = 8 + len(payload)
        return super().filled(values, payload, following)

    @classmethod
    def next_layer(cls, values):
        ports = (values["sport"], values["dport"])
        return VXLAN if 4789 in ports else DNS if 53 in ports else Raw


class TCP(Transport):
    NAME = "tcp"
    FIELDS = (("sport", "u16", 0), ("dport", "u16", 0), ("seq", "u32", 0), ("ack", "u32", 0),
              ("offset", "u8", None), ("flags", "u8", SYN), ("window", "u16", 8192),
              ("checksum", "u16", None), ("urgent", "u16", 0),
              ("options", "bytes", b""))  # fmt: skip
    AT = 16
    PROTO = 6

    def filled(self, values, payload, following):
        if values["offset"] is None:
            values["offset"] = (20 + len(values["options"])) // 4 << 4
        return super().filled(values, payload, following)

    @classmethod
    def size_of(cls, name, kind, values):
        return max((values["offset"] >> 4) * 4 - 20, 0) if name == "options" else SIZES[kind]


class VXLAN(Layer):
    NAME = "vxlan"
    FIELDS = (("flags", "u32", 0x08000000), ("vni", "u32", 0))  # vni: 24 bits, then 8 of zero

    @classmethod
    def next_layer(cls, values):
        return Ether


class DNS(Layer):
    NAME = "dns"
    FIELDS = (("id", "u16", 0), ("flags", "u16", 0x0100), ("questions", "u16", 1),
              ("answers", "u16", 0), ("authorities", "u16", 0), ("more", "u16", 0))  # fmt: skip


def question(name, kind=1):
    """Return a DNS question for a name: kind 1 asks for an address."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return labels + struct.pack(">BHH", 0, kind, 1)


class Packet:
    """Layers, outermost first."""

    def __init__(self, layers):
        self.layers = layers

    def __truediv__(self, other):
        if isinstance(other, bytes):
            other = Raw(bytes=other)
        return Packet(self.layers + (other.layers if isinstance(other, Packet) else [other]))

    def but(self, **fields):
        """Return the packet with other values: ip_ttl=63, ether_dst=..., of the first such layer.
        """
        layers = list(self.layers)
        for field, value in fields.items():
            layer_name, name = field.split("_")
            index = next(i for i, layer in enumerate(layers) if layer.NAME == layer_name)
            layers[index] = type(layers[index])(**(layers[index].values | {name: value}))
        return Packet(layers)

    def without(self, count):
        """Return the packet without its outermost layers."""
        return Packet(self.layers[count:])

    def __bytes__(self):
        return self._build(0, None)

    def _build(self, index, parent):
        layer = self.layers[index]
        payload = b""
        following = ""
        if index + 1 < len(self.layers):
            addresses = layer.values if isinstance(layer, (IP, IP6)) else parent
            payload = self._build(index + 1, addresses)
            following = self.layers[index + 1].NAME
        return layer.close(layer.build(payload, following) + payload, parent)

    def anything(self):
        """Return the names of the fields that may be anything, as dissect() calls them."""
        names = numbered(layer.NAME for layer in self.layers)
        return {f"{name}.{field}" for name, layer in zip(names, self.layers)
                for field, value in layer.values.items() if value is ANY}  # fmt: skip


def numbered(names):
    """Tell layers of one name apart: ip, then ip2."""
    counts = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        yield name if counts[name] == 1 else f"{name}{counts[name]}"


def dissect(data):
    """Return all fields of a frame, {"ether.dst": ..., "ip.ttl": 64, ...}: each byte is in one.

    A checksum is "right", "wrong" or "none" (UDP without one).
    """
    layers, parent, layer = [], None, Ether
    while data:
        found = layer.parse(data, parent)
        if not found:
            layer = Raw
            continue
        values, rest = found
        if layer is IP and layer.NAME == "ip" and values["len"] > 20:
            trailer = rest[max(values["len"] - (len(data) - len(rest)), 0) :]
            rest = rest[: len(rest) - len(trailer)]
            if trailer:
                values["trailer"] = trailer
        if layer in (IP, IP6):
            parent = values
        layers.append((layer.NAME, values))
        layer, data = layer.next_layer(values), rest
    names = numbered(name for name, _ in layers)
    return {f"{name}.{field}": value for name, (_, values) in zip(names, layers)
            for field, value in values.items() if value != b""}  # fmt: skip


def differences(expected, data):
    """Return what is wrong with a frame, one line for each field; nothing if it is as expected."""
    if isinstance(expected, bytes):
        expected = Packet([Raw(bytes=expected)])
    anything = expected.anything()
    want, have = dissect(bytes(expected)), dissect(data)
    if layers_of(want) != layers_of(have):
        return [f"should be {summary(bytes(expected))}; is {summary(data)}"]
    lines = []
    for name in dict.fromkeys([*want, *have]):
        if name not in anything and want.get(name) != have.get(name):
            lines.append(f"{name} should be {show(want.get(name))}, is {show(have.get(name))}")
    return lines


def layers_of(fields):
    """Return the layers of a dissected frame, outermost first."""
    return list(dict.fromkeys(name.split(".")[0] for name in fields))


def show(value):
    """Return a field's value as text."""
    if value is None:
        return "absent"
    if isinstance(value, bytes):
        return repr(value) if value.isascii() and value.decode().isprintable() else value.hex(" ")
    return str(value)


def summary(data):
    """Return one line about a frame: its layers with addresses and ports."""
    fields = dissect(data)
    telling = ("ip.src", "ip.dst", "udp.sport", "udp.dport", "tcp.sport", "tcp.dport", "tcp.flags",
               "icmp.type", "arp.op", "arp.tpa", "nd.target")  # fmt: skip
    told = ", ".join(f"{name} {fields[name]}" for name in telling if name in fields)
    return f"{len(data)} bytes, {'/'.join(layers_of(fields))}{': ' if told else ''}{told}"
