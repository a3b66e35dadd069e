// SPDX-License-Identifier: BSD-2-Clause
// A DDoS scrubber on a wire: servers behind eth1 are kept from SYN floods by cookies, and from floods of
// anything else by a rate.
AddressInfo(servers 10.0.0.0/24);
proxy :: SYNProxy(CAPACITY 8192);

// The proxy's own segments lack a link header: it asks for addresses on both sides.
AddressInfo(out0 10.255.0.1 02:00:00:00:00:01, out1 10.255.0.2 02:00:00:00:00:02, gw 10.255.0.254);
FromDevice(eth0) -> c0 :: Classifier(12/0806 20/0001, 12/0806 20/0002, 12/0800);
FromDevice(eth1) -> c1 :: Classifier(12/0806 20/0001, 12/0806 20/0002, 12/0800);
c0[0] -> ARPResponder(servers 02:00:00:00:00:01, out0) -> q0 :: Queue(512) -> ToDevice(eth0);
c1[0] -> ARPResponder(0.0.0.0/0 02:00:00:00:00:02) -> q1 :: Queue(512) -> ToDevice(eth1);
c0[1] -> [1] arp0 :: ARPQuerier(out0) -> q0;
c1[1] -> [1] arp1 :: ARPQuerier(out1) -> q1;

c0[2] -> Strip(14) -> CheckIPHeader -> in :: IPClassifier(dst net servers and tcp, dst net servers, -);
in[0] -> [0] proxy;
in[1] -> limit :: RatedSplitter(5000) -> arp1;
limit[1] -> flood :: Counter -> Discard;
in[2] -> Discard;
c1[2] -> Strip(14) -> CheckIPHeader -> GetIPAddress(16) -> [1] proxy;
proxy[0] -> SetIPAddress(gw) -> arp0;
proxy[1] -> GetIPAddress(16) -> arp1;
