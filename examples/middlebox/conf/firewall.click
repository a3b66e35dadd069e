// SPDX-License-Identifier: BSD-2-Clause
// A stateless firewall on a wire: rules for what may come in; everything may go out.
// Rules can be changed while it runs: write in.config.
elementclass IP { input -> c :: Classifier(12/0800, -); c[0] -> CheckIPHeader(14) -> output; c[1] -> [1] output; }

to0 :: Queue(512) -> ToDevice(eth0);
to1 :: Queue(512) -> ToDevice(eth1);

FromDevice(eth0) -> a :: IP
    -> in :: IPFilter(deny tcp and ip frag, // a later piece could change the flags of the first
                      allow tcp and not (syn and not ack),     // answers
                      allow dst tcp port 22 or 80 or 443,
                      allow udp and src port 53,
                      allow icmp type echo or echo-reply or unreachable or timeexceeded,
                      deny all)
    -> to1;
FromDevice(eth1) -> b :: IP -> to0;
a[1] -> to1; // ARP and the like
b[1] -> to0;
