// SPDX-License-Identifier: BSD-2-Clause
// A stateful firewall on a wire: the inside (eth1) may start anything, the outside only answer.
elementclass IP { input -> c :: Classifier(12/0800, -); c[0] -> CheckIPHeader(14) -> output; c[1] -> [1] output; }

out :: Queue(512) -> ToDevice(eth0);
in :: Queue(512) -> ToDevice(eth1);
flows :: IPRewriter(keep 0 1, drop, MAPPING_CAPACITY 8192, TCP_TIMEOUT 1h, UDP_TIMEOUT 60, REAP_INTERVAL 10);
pings :: ICMPPingRewriter(keep 0 1, drop, TIMEOUT 30, REAP_INTERVAL 10, MAPPING_CAPACITY 512);

FromDevice(eth1) -> a :: IP -> ac :: IPClassifier(tcp or udp, icmp type echo, -);
ac[0] -> [0] flows [0] -> out;
ac[1] -> [0] pings [0] -> out;
ac[2] -> Discard;
FromDevice(eth0) -> b :: IP -> bc :: IPClassifier(tcp or udp, icmp type echo-reply, icmp, -);
bc[0] -> [1] flows [1] -> in;
bc[1] -> [1] pings [1] -> in;
bc[2] -> ICMPRewriter(flows pings) -> in; // errors about flows we know
bc[3] -> Discard;
a[1] -> out;
b[1] -> in;
