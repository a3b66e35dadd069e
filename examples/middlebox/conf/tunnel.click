// SPDX-License-Identifier: BSD-2-Clause
// A VXLAN tunnel end point: frames of eth1 travel to a peer over the IP network on eth0.
AddressInfo(me 192.0.2.1/24 02:00:00:00:00:01, peer 192.0.2.2);
FromDevice(eth0) -> c :: Classifier(12/0806 20/0001, 12/0806 20/0002, 12/0800);
c[0] -> ARPResponder(me) -> out :: Queue(512) -> ToDevice(eth0);
c[1] -> [1] arp :: ARPQuerier(me) -> out;
c[2] -> Strip(14) -> CheckIPHeader -> IPClassifier(src host peer and dst host me and not frag)
    -> VXLANDecap(42) -> Queue(512) -> ToDevice(eth1);
FromDevice(eth1) -> VXLANEncap(me, peer, 42) -> [0] arp;
