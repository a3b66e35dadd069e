// SPDX-License-Identifier: BSD-2-Clause
// A traffic shaper on a wire: interactive traffic first, the rest shares 8 Mbit/s fairly by bytes, with early
// drops before the queues fill.
elementclass Shape { input -> c :: Classifier(12/0800, -); c[0] -> MarkIPHeader(14)
        -> k :: IPClassifier(tcp port 22 or udp port 53 or ip dscp 46, tcp, -);
    k[0] -> fast :: Queue(64);
    k[1] -> RED(20, 100, 0.1) -> bulk :: Queue(200);
    k[2] -> RED(20, 100, 0.1) -> other :: Queue(200);
    c[1] -> fast;
    bulk -> [0] fair :: DRRSched(1500);
    other -> [1] fair;
    fast -> [0] prio :: PrioSched;
    fair -> [1] prio -> BandwidthShaper(8Mbps) -> output; }
FromDevice(eth0) -> Shape -> ToDevice(eth1);
FromDevice(eth1) -> Shape -> ToDevice(eth0);
