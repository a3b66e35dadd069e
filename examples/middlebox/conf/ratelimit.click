// SPDX-License-Identifier: BSD-2-Clause
// A rate limiter on a wire: at most 10 Mbit/s each way; what is above is dropped. Write up.rate, down.rate.
FromDevice(eth0) -> down :: BandwidthRatedSplitter(10Mbps) -> Queue(512) -> ToDevice(eth1);
FromDevice(eth1) -> up :: BandwidthRatedSplitter(10Mbps) -> Queue(512) -> ToDevice(eth0);
down[1] -> dropped :: Counter -> Discard;
up[1] -> dropped;
