# SPDX-License-Identifier: BSD-2-Clause
"""Guests that get a small share of a CPU, as on a host with hundreds of them.

Where client, dom0 and guest share one CPU, dom0 takes most of it, and a rate says little about the
guest. Xen's scheduler can hold a domain to a share (xl sched-credit2 --cap): then the guest is what
limits the rate, dom0 waits for it, and two guests that are held to the same share can be compared.
A share is spent in parts of 10 ms: after its part, the guest waits for the next.
"""

WHOLE = 100  # percent of one CPU: not held
SHARE = 5  # so little that dom0, which takes many times what a guest does, still has time left

# For dom0's sh.
FUNCTION = f"""
cap() {{ # DOMAIN PERCENT: hold a domain to a share of one CPU; {WHOLE} lets it go
    share_of_domain=$2
    [ "$2" != {WHOLE} ] || share_of_domain=0
    xl sched-credit2 -d "$1" -c "$share_of_domain"
}}
"""
