# SPDX-License-Identifier: BSD-2-Clause
"""The ready middleboxes under traffic: which frames, where in and out, and how Linux does the same.

A case's `linux` is a shell script for a Linux guest whose interfaces are those of the middlebox.
Where it does less than the middlebox (no export of flows, no check of headers), Linux has the
advantage.
"""

import dataclasses
import functools
import random
from collections.abc import Callable

from spratlib import bench_middlebox_frames as f

FLOWS = 256
SIZES = (64, 128, 256, 512, 1024, 1500)
FAR = "02:00:00:00:00:aa"  # a station behind the other side
PORT0, PORT1 = "02:00:00:00:00:01", "02:00:00:00:00:02"  # what routers call their own

PACKAGES = ("iproute2", "nftables", "iptables")
MODULES = (
    "br_netfilter", "ip_tables", "iptable_filter", "xt_string", "xt_tcpudp", "ts_bm", "vxlan",
    "sch_drr",
)  # fmt: skip

UP = """
for file in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$file; done
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
up() { for device; do ip link set $device up; done; }
bridge() {
    ip link add br0 type bridge
    for device; do ip link set $device master br0; done
    up "$@" br0
}
port() { ip link set $1 address $2; ip addr add $3 dev $1; up $1; }
"""
ROUTE = "echo 1 >/proc/sys/net/ipv4/ip_forward\n"


@dataclasses.dataclass(frozen=True)
class Case:
    """One middlebox at work."""

    name: str  # of its file, without .click
    interfaces: int
    make: Callable  # size in bytes -> frames
    linux: str
    way: tuple = (0, 1)  # in by the first of these interfaces, out by the second
    before: tuple = ()  # frames that the other side sends first
    ethertype: int = f.ETHERTYPE_IP  # of what is counted
    changes: tuple = ()  # (text, other text) in the file: limits that the bench would hit
    sizes: tuple = SIZES

    def frames(self, size):
        """Return the frames of `size` bytes that are sent."""
        return self.make(size)

    def linux_script(self):
        """Return what a Linux guest runs to do the same."""
        return f"{UP}{self.linux}"


def flows(size, *, mac=FAR, source="198.51.100.1", target="203.0.113.1", targets=64, mix="udp",
          ports=(), least=b""):  # fmt: skip
    """Return FLOWS frames, each of another flow.

    @param mix    "udp", "tcp", or "both" by turns
    @param ports  the destination ports by turns; without them each flow has its own
    """
    made = []
    targets = list(f.spread(targets, target))
    for number, host in enumerate(f.spread(FLOWS, source)):
        to = targets[number % len(targets)]
        port = ports[number % len(ports)] if ports else 5000 + number
        make = f.tcp if mix == "tcp" or (mix == "both" and number % 2) else f.udp
        packet = functools.partial(make, host, 1024 + number, to, port)
        made.append(f.filled(size, lambda data: f.ethernet(mac, f.ETHERTYPE_IP, packet(data)),
                             least))  # fmt: skip
    return made


def answers(size):
    """Return what a stateless firewall lets in: TCP that is under way, and answers of DNS."""
    made = flows(size, mix="tcp", ports=(443, 33000))[::2]
    for number, host in enumerate(f.spread(FLOWS // 2, "198.51.100.1")):
        packet = functools.partial(f.udp, host, 53, "203.0.113.9", 30000 + number)
        made.append(f.filled(size, lambda data: f.ethernet(FAR, f.ETHERTYPE_IP, packet(data))))
    return made


def payloads(size):
    """Return flows whose payload is text without anything suspicious in it."""
    words = random.Random(1)
    text = bytes(words.choice(b"abcdefghijklmnopqrstuvwxyz /<.") for _ in range(2048))
    room = max(0, size - 64)
    return flows(size, mix="both", least=text[:room])


def queries(size):
    """Return DNS queries for names that nobody minds."""
    made = []
    for number, host in enumerate(f.spread(FLOWS, "10.0.0.1")):
        query = f.dns_query(number, f"www{number}.shop.example")
        packet = functools.partial(f.udp, host, 20000 + number, "203.0.113.53", 53)
        made.append(f.filled(size, lambda data: f.ethernet(FAR, f.ETHERTYPE_IP, packet(data)),
                             query))  # fmt: skip
    return made


def connections(size):
    """Return SYNs, as a flood would bring them."""
    return [f.filled(size, lambda data: f.ethernet(PORT0, f.ETHERTYPE_IP, f.tcp(
        host, 1024 + number, "10.0.0.80", 80, data, flags=f.TCP_SYN)))
        for number, host in enumerate(f.spread(FLOWS, "198.51.100.1"))]  # fmt: skip


def questions(_size):
    """Return ARP requests for hosts of 10.0.1.0/24."""
    return [f.arp_request("10.0.0.9", f.GENERATOR, target)
            for target in f.spread(FLOWS - 2, "10.0.1.1")]  # fmt: skip


# A station of the other side says where it is.
KNOWN = (f.ethernet("ff:ff:ff:ff:ff:ff", 0x88B5, bytes(46), source=FAR),)
ROUTED = {"mac": PORT0, "source": "172.16.0.1", "target": "10.1.0.10", "targets": 16}

STATELESS = """
nft -f - <<'END'
table bridge filter {
    chain forward {
        type filter hook forward priority 0; policy drop;
        iifname "eth1" accept
        ether type != ip accept
        tcp flags & (syn | ack) != syn accept
        tcp dport { 22, 80, 443 } accept
        udp sport 53 accept
        icmp type { echo-request, echo-reply, destination-unreachable, time-exceeded } accept
    }
}
END
"""
STATEFUL = """
nft -f - <<'END'
table bridge filter {
    chain forward {
        type filter hook forward priority 0; policy drop;
        ether type arp accept
        ct state established,related accept
        iifname "eth1" ct state new accept
    }
}
END
"""
NAT = """
nft -f - <<'END'
table ip nat {
    chain postrouting {
        type nat hook postrouting priority srcnat;
        oifname "eth0" snat to 192.0.2.1-192.0.2.8
    }
}
END
"""
BALANCER = """
nft -f - <<'END'
table ip nat {
    chain prerouting {
        type nat hook prerouting priority dstnat;
        ip daddr 192.0.2.10 tcp dport 80 \
            dnat to numgen inc mod 2 map { 0 : 10.0.0.11, 1 : 10.0.0.12 }
    }
}
END
"""
POLICE = """
for device in eth0 eth1; do
    tc qdisc add dev $device ingress
    tc filter add dev $device parent ffff: matchall \
        action police rate 10gbit burst 10m conform-exceed drop
done
"""
SHAPER = """
for device in eth0 eth1; do
    tc qdisc add dev $device root handle 1: tbf rate 8gbit burst 4mb limit 4mb
    tc qdisc add dev $device parent 1: handle 2: prio bands 2 \
        priomap 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1
    tc qdisc add dev $device parent 2:1 pfifo limit 64
    tc qdisc add dev $device parent 2:2 handle 4: drr
    for class in 1 2; do
        tc class add dev $device parent 4: classid 4:$class drr quantum 1500
        tc qdisc add dev $device parent 4:$class red limit 400kb min 30kb max 150kb \
            avpkt 1000 burst 60 probability 0.1 bandwidth 8gbit
    done
    u32="tc filter add dev $device parent 2: protocol ip prio 1 u32"
    $u32 match ip protocol 6 0xff match ip dport 22 0xffff flowid 2:1
    $u32 match ip protocol 17 0xff match ip dport 53 0xffff flowid 2:1
    $u32 match ip tos 0xb8 0xfc flowid 2:1
    tc filter add dev $device parent 4: protocol ip prio 1 u32 match ip protocol 6 0xff flowid 4:1
    tc filter add dev $device parent 4: protocol ip prio 2 matchall flowid 4:2
done
"""
MONITOR = """
nft -f - <<'END'
table bridge flowstats {
    set flows {
        type ipv4_addr . ipv4_addr . inet_proto . inet_service . inet_service
        flags dynamic,timeout; size 4096; timeout 60s; counter
    }
    chain forward {
        type filter hook forward priority 0;
        meta l4proto { tcp, udp } \
            update @flows { ip saddr . ip daddr . meta l4proto . th sport . th dport }
    }
}
END
"""
IDS = """
echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
for text in /etc/passwd cmd.exe '<script>alert('; do
    iptables-legacy -A FORWARD -m string --algo bm --icase --string "$text" -j DROP
done
iptables-legacy -A FORWARD -m string --algo bm --hex-string '|9090909090909090|' -j DROP
"""
DNSFILTER = """
echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
for name in '|03|ads|07|example|00|' '|07|tracker|07|example|00|' '|07|malware|04|test|00|'; do
    iptables-legacy -A FORWARD -p udp --dport 53 -m string --algo bm --icase \
        --hex-string "$name" -j DROP
done
"""
TUNNEL = """
ip link set eth0 mtu 1600
ip link add vx0 type vxlan id 42 local 192.0.2.1 remote 192.0.2.2 dstport 4789 dev eth0
bridge eth1 vx0
"""
SYNPROXY = """
echo 0 >/proc/sys/net/netfilter/nf_conntrack_tcp_loose
nft -f - <<'END'
table ip scrubber {
    chain prerouting {
        type filter hook prerouting priority raw;
        tcp dport 80 tcp flags & (syn | ack) == syn notrack
    }
    chain forward {
        type filter hook forward priority 0;
        tcp dport 80 ct state invalid,untracked \
            synproxy mss 1460 wscale 7 timestamp sack-perm
    }
}
END
"""
ARPPROXY = """
port eth0 02:00:00:00:00:01 10.0.0.1/24
up eth1
ip route add 10.0.1.0/24 dev eth1
echo 1 >/proc/sys/net/ipv4/conf/eth0/proxy_arp
echo 0 >/proc/sys/net/ipv4/neigh/eth0/proxy_delay
"""
FAST_LIMIT = (("10Mbps", "10Gbps"), ("8Mbps", "8Gbps"))
NO_PROBES = (("INTERVAL 1s", "INTERVAL 1h"),)  # they would be counted as packets


def nat_ports(outside, inside):
    """Return the commands that give a Linux guest the addresses of a translator."""
    lines = [f"port eth0 {PORT0} {outside}", f"port eth1 {PORT1} {inside}",
             "ip route add default via 192.0.2.254"]  # fmt: skip
    return "\n".join([*lines, ROUTE])


CASES = (
    Case("bridge", 2, flows, "bridge eth0 eth1", before=KNOWN),
    Case("switch", 3, flows, "bridge eth0 eth1 eth2", before=KNOWN),
    Case("router", 2, functools.partial(flows, **ROUTED), f"""
port eth0 {PORT0} 10.0.0.1/24
port eth1 {PORT1} 10.1.0.1/24
{ROUTE}"""),
    Case("firewall", 2, answers, f"bridge eth0 eth1\n{STATELESS}", before=KNOWN),
    Case("stateful", 2, functools.partial(flows, mix="both"), f"bridge eth0 eth1\n{STATEFUL}",
         way=(1, 0), before=KNOWN),
    Case("nat", 2, functools.partial(flows, mac=PORT1, source="100.64.0.2"),
         f"{nat_ports('192.0.2.1/24', '100.64.0.1/10')}{NAT}", way=(1, 0)),
    Case("balancer", 2, functools.partial(flows, mac=PORT0, target="192.0.2.10", targets=1,
                                          mix="tcp", ports=(80,)),
         f"{nat_ports('192.0.2.1/24', '10.0.0.1/24')}{BALANCER}", changes=NO_PROBES),
    Case("ratelimit", 2, flows, f"bridge eth0 eth1\n{POLICE}", before=KNOWN, changes=FAST_LIMIT),
    Case("shaper", 2, functools.partial(flows, mix="both"), f"bridge eth0 eth1\n{SHAPER}",
         before=KNOWN, changes=FAST_LIMIT),
    Case("monitor", 3, functools.partial(flows, mix="both"), f"bridge eth0 eth1\n{MONITOR}",
         before=KNOWN),
    Case("ids", 2, payloads, f"bridge eth0 eth1\n{IDS}", before=KNOWN),
    Case("dnsfilter", 2, queries, f"bridge eth0 eth1\n{DNSFILTER}", way=(1, 0), before=KNOWN),
    Case("tunnel", 2, flows, f"port eth0 {PORT0} 192.0.2.1/24\n{TUNNEL}", way=(1, 0)),
    Case("mirror", 3, flows, """bridge eth0 eth1
up eth2
for device in eth0 eth1; do
    tc qdisc add dev $device ingress
    tc filter add dev $device parent ffff: matchall action mirred egress mirror dev eth2
done
""", before=KNOWN),
    Case("scrubber", 2, connections, f"""port eth0 {PORT0} 10.255.0.1/24
port eth1 {PORT1} 10.255.1.1/24
ip route add 10.0.0.0/24 dev eth1
ip route add default via 10.255.0.254
{ROUTE}{SYNPROXY}""", way=(0, 0), sizes=(64,)),
    Case("arpproxy", 2, questions, f"{ARPPROXY}{ROUTE}", way=(0, 0), ethertype=f.ETHERTYPE_ARP,
         sizes=(64,)),
)  # fmt: skip
