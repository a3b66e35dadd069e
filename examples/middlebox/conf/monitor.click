// SPDX-License-Identifier: BSD-2-Clause
// A flow monitor on a wire: NetFlow version 9 goes to a collector behind eth2.
AddressInfo(me 10.9.0.1/24 02:00:00:00:00:03, collector 10.9.0.2 02:00:00:00:00:99);
meter :: FlowMeter(ACTIVE 60s, INACTIVE 15s, CAPACITY 4096);
elementclass Watch { input -> c :: Classifier(12/0800, -); c[0] -> CheckIPHeader(14) -> [0] output; c[1] -> [1] output; }
to0 :: Queue(512) -> ToDevice(eth0);
to1 :: Queue(512) -> ToDevice(eth1);
FromDevice(eth0) -> a :: Watch -> Paint(1) -> meter -> side :: PaintSwitch;
FromDevice(eth1) -> b :: Watch -> Paint(0) -> meter;
side[0] -> to0;
side[1] -> to1;
a[1] -> to1;
b[1] -> to0;
meter[1] -> UDPIPEncap(me, 2055, collector, 2055) -> EtherEncap(0x0800, me, collector) -> Queue(64) -> ToDevice(eth2);
