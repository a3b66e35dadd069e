// SPDX-License-Identifier: BSD-2-Clause
// An ARP and ND proxy: hosts of 10.0.1.0/24 and fd00:1::/64 behind eth1 look as if they were on eth0.
AddressInfo(far 10.0.1.0/24);
define($mac 02:00:00:00:00:01)
FromDevice(eth0) -> c :: Classifier(12/0806 20/0001, 12/86dd 20/3a 54/87,
    12/0806 20/0002, 12/0800, 12/86dd, -);
c[0] -> ARPResponder(far $mac) -> back :: Queue(64) -> ToDevice(eth0);
c[1] -> IP6NDAdvertiser(fd00:1::/64 $mac) -> back;
c[2], c[3], c[4] -> Queue(512) -> ToDevice(eth1);
c[5] -> Discard;
FromDevice(eth1) -> back;
