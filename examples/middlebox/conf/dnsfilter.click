// SPDX-License-Identifier: BSD-2-Clause
// A DNS filter on a wire: queries from eth1 for these names are answered here with "no such name".
elementclass IP { input -> c :: Classifier(12/0800, -); c[0] -> CheckIPHeader(14) -> output; c[1] -> [1] output; }
to0 :: Queue(512) -> ToDevice(eth0);
to1 :: Queue(512) -> ToDevice(eth1);
FromDevice(eth1) -> a :: IP -> dns :: DNSFilter(ads.example, tracker.example, malware.test) -> to0;
dns[1] -> EtherMirror -> to1;
a[1] -> to0;
FromDevice(eth0) -> to1;
