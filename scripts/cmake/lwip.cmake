# SPDX-License-Identifier: BSD-2-Clause
#
# lwIP, the TCP/IP stack: what of it is built into the layer of the same name. Its sockets, its
# threads' interface, its memory pools, its timers and its DHCPv6 are not: libc-glue/lwip stands
# right on its core.

include(sources)

set(_sprat_lwip_files
    core/def.c core/dns.c core/inet_chksum.c core/init.c core/ip.c core/mem.c core/memp.c
    core/netif.c core/pbuf.c core/raw.c core/tcp.c core/tcp_in.c core/tcp_out.c core/udp.c
    core/ipv4/dhcp.c core/ipv4/etharp.c core/ipv4/icmp.c core/ipv4/igmp.c
    core/ipv4/ip4.c core/ipv4/ip4_addr.c core/ipv4/ip4_frag.c
    core/ipv6/ethip6.c core/ipv6/icmp6.c core/ipv6/inet6.c core/ipv6/ip6.c
    core/ipv6/ip6_addr.c core/ipv6/ip6_frag.c core/ipv6/mld6.c core/ipv6/nd6.c
    netif/ethernet.c)
list(TRANSFORM _sprat_lwip_files PREPEND src/)

# lwIP's own unit tests (test/guest/lwip), and what only they need.
set(_sprat_lwip_tests core/test_def.c core/test_mem.c core/test_netif.c core/test_pbuf.c
    core/test_timers.c dhcp/test_dhcp.c etharp/test_etharp.c ip4/test_ip4.c ip6/test_ip6.c
    tcp/tcp_helper.c tcp/test_tcp.c tcp/test_tcp_oos.c udp/test_udp.c)
list(TRANSFORM _sprat_lwip_tests PREPEND test/unit/)
list(APPEND _sprat_lwip_tests src/core/stats.c src/core/timeouts.c)

sprat_source_package(lwip ${_sprat_lwip_files} ${_sprat_lwip_tests})
list(TRANSFORM _sprat_lwip_tests PREPEND ${lwip_DIR}/ OUTPUT_VARIABLE lwip_TESTS)
list(REMOVE_ITEM lwip_FILES ${lwip_TESTS})
