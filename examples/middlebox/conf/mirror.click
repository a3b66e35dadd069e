// SPDX-License-Identifier: BSD-2-Clause
// A port mirror: a wire between eth0 and eth1, with a copy of everything on eth2.
copy :: Queue(512) -> ToDevice(eth2);
FromDevice(eth0) -> a :: Tee -> Queue(512) -> ToDevice(eth1);
FromDevice(eth1) -> b :: Tee -> Queue(512) -> ToDevice(eth0);
a[1] -> copy;
b[1] -> copy;
