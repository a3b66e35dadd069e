// SPDX-License-Identifier: BSD-2-Clause
// Two segments, one wire: whatever arrives on one side leaves on the other.
FromDevice(eth0) -> Queue(512) -> ToDevice(eth1);
FromDevice(eth1) -> Queue(512) -> ToDevice(eth0);
