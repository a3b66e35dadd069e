// SPDX-License-Identifier: BSD-2-Clause
// A layer-4 load balancer: 192.0.2.10:80 on eth0 is served by two servers behind eth1, which are asked
// every second whether they are alive. Read servers.targets.
AddressInfo(vip 192.0.2.10 02:00:00:00:00:01, lan 10.0.0.1/24 02:00:00:00:00:02, gw 192.0.2.254);

servers :: RoundRobinIPMapper(- - 10.0.0.11 80 0 1, - - 10.0.0.12 80 0 1);
rw :: IPRewriter(servers, drop, MAPPING_CAPACITY 4096);
health :: HealthCheck(servers, 10.0.0.1, INTERVAL 1s, FALL 3, RISE 2);

FromDevice(eth0) -> wc :: Classifier(12/0806 20/0001, 12/0806 20/0002, 12/0800);
wc[0] -> ARPResponder(vip) -> wq :: Queue(512) -> ToDevice(eth0);
wc[1] -> [1] warp :: ARPQuerier(vip) -> wq;
wc[2] -> Strip(14) -> CheckIPHeader -> IPClassifier(dst host vip and dst tcp port 80) -> [0] rw;

FromDevice(eth1) -> lc :: Classifier(12/0806 20/0001, 12/0806 20/0002, 12/0800);
lc[0] -> ARPResponder(lan) -> lq :: Queue(512) -> ToDevice(eth1);
lc[1] -> [1] larp :: ARPQuerier(lan) -> lq;
lc[2] -> Strip(14) -> CheckIPHeader -> health;
health[1] -> IPClassifier(tcp) -> [1] rw;

rw[0] -> larp; // the destination annotation is the server
health[0] -> larp;
rw[1] -> SetIPAddress(gw) -> warp;
