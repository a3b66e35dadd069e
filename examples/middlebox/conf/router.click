// SPDX-License-Identifier: BSD-2-Clause
// An IPv4 router between two networks, with ARP, ICMP errors and fragmentation.
// Change the addresses here; routes can also be changed through rt's handlers.
AddressInfo(left 10.0.0.1/24 02:00:00:00:00:01, right 10.1.0.1/24 02:00:00:00:00:02);

elementclass Port { $dev, $addr, $color |
    FromDevice($dev) -> HostEtherFilter($addr) -> c :: Classifier(12/0806 20/0001, 12/0806 20/0002, 12/0800);
    c[0] -> ARPResponder($addr) -> out :: Queue(256) -> ToDevice($dev);
    c[1] -> [1] arp :: ARPQuerier($addr);
    c[2] -> Paint($color) -> Strip(14) -> CheckIPHeader(INTERFACES 10.0.0.1/24 10.1.0.1/24)
        -> output;
    input -> DropBroadcasts
        -> paint :: PaintTee($color)
        -> opt :: IPGWOptions($addr:ip)
        -> FixIPSrc($addr:ip)
        -> ttl :: DecIPTTL
        -> frag :: IPFragmenter(1500)
        -> [0] arp -> out;
    paint[1] -> ICMPError($addr:ip, redirect, host) -> [1] output;
    opt[1] -> ICMPError($addr:ip, parameterproblem) -> [1] output;
    ttl[1] -> ICMPError($addr:ip, timeexceeded) -> [1] output;
    frag[1] -> ICMPError($addr:ip, unreachable, needfrag, PMTU 1500) -> [1] output;
}

p0 :: Port(eth0, left, 1);
p1 :: Port(eth1, right, 2);
rt :: RadixIPLookup(10.0.0.1/32 0, 10.1.0.1/32 0, 10.0.0.0/24 1, 10.1.0.0/24 2);
p0 -> rt; p0[1] -> GetIPAddress(16) -> rt;
p1 -> rt; p1[1] -> GetIPAddress(16) -> rt;
rt[1] -> p0;
rt[2] -> p1;

// For the router itself: pings are answered, the rest is unreachable.
rt[0] -> ping :: ICMPPingResponder -> again :: GetIPAddress(16) -> rt;
ping[1] -> ICMPError(10.0.0.1, unreachable, port) -> again;
