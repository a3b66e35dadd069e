// SPDX-License-Identifier: BSD-2-Clause
// A learning switch of three ports. Read sw.table; write sw.timeout.
sw :: EtherSwitch(TIMEOUT 300);
FromDevice(eth0) -> [0] sw [0] -> Queue(256) -> ToDevice(eth0);
FromDevice(eth1) -> [1] sw [1] -> Queue(256) -> ToDevice(eth1);
FromDevice(eth2) -> [2] sw [2] -> Queue(256) -> ToDevice(eth2);
