# SPDX-License-Identifier: BSD-2-Clause
#
# lwIP, the TCP/IP stack: what of it is built into the layer of the same name. Its sockets, its
# threads' interface and its memory pools are not: libc-glue/lwip stands right on its core.

include(sources)

set(_sprat_lwip_files
    core/def.c core/dns.c core/inet_chksum.c core/init.c core/ip.c core/mem.c core/memp.c
    core/netif.c core/pbuf.c core/raw.c core/tcp.c core/tcp_in.c core/tcp_out.c core/timeouts.c
    core/udp.c
    core/ipv4/dhcp.c core/ipv4/etharp.c core/ipv4/icmp.c core/ipv4/igmp.c
    core/ipv4/ip4.c core/ipv4/ip4_addr.c core/ipv4/ip4_frag.c
    core/ipv6/dhcp6.c core/ipv6/ethip6.c core/ipv6/icmp6.c core/ipv6/inet6.c core/ipv6/ip6.c
    core/ipv6/ip6_addr.c core/ipv6/ip6_frag.c core/ipv6/mld6.c core/ipv6/nd6.c
    netif/ethernet.c)
list(TRANSFORM _sprat_lwip_files PREPEND src/)
sprat_source_package(lwip ${_sprat_lwip_files})
