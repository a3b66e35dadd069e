# SPDX-License-Identifier: BSD-2-Clause
"""A path in dom0 that loses, delays, doubles, corrupts and reorders packets, both ways.

    guests = xenbr0 = near - far = lossy0 = mid - end: dom0's address

Packets go through far and mid to be harmed (tc's netem). Large ones of TCP's, of the guest or of
dom0, are cut before: near and end take none.
"""

PACKAGE = "iproute2"
PROGRAMS = ("ip", "tc")

# `ip` and `tc` are Debian's: set in $ip and $tc.
FUNCTIONS = """
losspath() { # NETEM...: there is one, of which dom0's end has no address yet
    modprobe veth && modprobe sch_netem &&
        $ip link add near gso_max_segs 1 type veth peer name far &&
        $ip link add mid type veth peer name end gso_max_segs 1 &&
        brctl addbr lossy0 && brctl addif xenbr0 near &&
        brctl addif lossy0 far && brctl addif lossy0 mid || return
    for link in near far mid end lossy0; do $ip link set $link up || return; done
    for link in far mid; do $tc qdisc replace dev $link root netem "$@" || return; done
}
no_losspath() {
    $ip link del near
    $ip link del mid
    $ip link del lossy0
}
"""
