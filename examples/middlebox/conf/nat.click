// SPDX-License-Identifier: BSD-2-Clause
// Carrier-grade NAT: the inside (eth1, 100.64.0.0/10) shares a pool of outside addresses. Each inside host
// has blocks of 256 ports, logged when they are given and taken back. Inside hosts reach each other through
// their outside addresses as well (hairpin).
AddressInfo(inside 100.64.0.1/10 02:00:00:00:00:02, outside 192.0.2.1/24 02:00:00:00:00:01,
            gateway 192.0.2.254);

pool :: PortBlockMapper(192.0.2.1-192.0.2.8, 0, 1, PORTS 1024-65535, BLOCK 256, BLOCKS_PER_HOST 4);
rw :: IPRewriter(pool, drop, MAPPING_CAPACITY 4096, TCP_TIMEOUT 2h, UDP_TIMEOUT 5min, REAP_INTERVAL 10);
prw :: ICMPPingRewriter(pool, drop, TIMEOUT 60, REAP_INTERVAL 10, MAPPING_CAPACITY 512);
erw :: ICMPRewriter(rw prw);

FromDevice(eth1) -> ic :: Classifier(12/0806 20/0001, 12/0806 20/0002, 12/0800);
ic[0] -> ARPResponder(inside) -> iq :: Queue(512) -> ToDevice(eth1);
ic[1] -> [1] iarp :: ARPQuerier(inside) -> iq;
ic[2] -> Strip(14) -> CheckIPHeader -> DecIPTTL -> ip :: IPClassifier(tcp or udp, icmp type echo, -);
ip[0] -> [0] rw;
ip[1] -> [0] prw;
ip[2] -> Discard;

FromDevice(eth0) -> oc :: Classifier(12/0806 20/0001, 12/0806 20/0002, 12/0800);
oc[0] -> ARPResponder(192.0.2.1 192.0.2.2/31 192.0.2.4/30 192.0.2.8 02:00:00:00:00:01) -> oq :: Queue(512) -> ToDevice(eth0);
oc[1] -> [1] oarp :: ARPQuerier(outside) -> oq;
oc[2] -> Strip(14) -> CheckIPHeader -> DecIPTTL -> back :: IPClassifier(tcp or udp, icmp type echo-reply, icmp, -);
back[0] -> [1] rw;
back[1] -> [1] prw;
back[2] -> erw;
back[3] -> Discard;

// Forward packets that are for the pool itself turn round: hairpin.
rw[0] -> hair :: IPClassifier(dst net 192.0.2.0/29 or dst host 192.0.2.8, -);
hair[0] -> [1] rw;
hair[1] -> up :: SetIPAddress(gateway) -> oarp;
prw[0] -> up;
rw[1] -> down :: GetIPAddress(16) -> iarp;
prw[1] -> down;
erw -> down;
