/* SPDX-License-Identifier: BSD-2-Clause */
/* Which destinations have to wait for an address that may be somebody else's. */
#include "run.h"

#include <stdbool.h>
#include <string.h>

#include "lwip/netif.h"

#include "../../libc-glue/lwip/source.h"

#include "kernel.h"
#include "peer.h"
#include "world.h"

/* fd00 and 00, by which the prefix differs, and a last byte. */
#define GLOBAL(prefix, last) IPADDR6_INIT_HOST(0xfd000000 | (prefix), 0, 0, last)

static const ip_addr_t four = IPADDR4_INIT_BYTES(10, 0, 0, 9),
                       loopback = IPADDR6_INIT_HOST(0, 0, 0, 1),
                       neighbour = IPADDR6_INIT_HOST(0xfe800000, 0, 0, 9),
                       group = IPADDR6_INIT_HOST(0xff020000, 0, 0, 9), near = GLOBAL(1, 9),
                       far = GLOBAL(7, 9);

/* The guest has these; 0: it is as it was. */
static void have(unsigned prefix1, uint8_t state1, unsigned prefix2, uint8_t state2)
{
    const ip_addr_t first = GLOBAL(prefix1, 2), second = GLOBAL(prefix2, 3);

    netif_ip6_addr_set_state(netif_default, 1, IP6_ADDR_INVALID);
    netif_ip6_addr_set_state(netif_default, 2, IP6_ADDR_INVALID);
    netif_ip6_addr_set(netif_default, 1, ip_2_ip6(&first));
    netif_ip6_addr_set(netif_default, 2, ip_2_ip6(&second));
    netif_ip6_addr_set_state(netif_default, 1, state1);
    netif_ip6_addr_set_state(netif_default, 2, state2);
}

static void choice_body(void)
{
    peer_start();
    assert_false(source_tentative(&near)); /* there is none to wait for */
    have(1, IP6_ADDR_TENTATIVE, 0, IP6_ADDR_INVALID);
    assert_true(source_tentative(&near));
    assert_true(source_tentative(&far)); /* neither the link's nor the loopback address will do */
    assert_false(source_tentative(&four));
    assert_false(source_tentative(&loopback));
    assert_false(source_tentative(&neighbour)); /* it is written to from the link's */
    assert_false(source_tentative(&group));
    have(1, IP6_ADDR_TENTATIVE, 2, IP6_ADDR_PREFERRED);
    assert_true(source_tentative(&near)); /* it suits better */
    assert_false(source_tentative(&far));
    have(2, IP6_ADDR_TENTATIVE, 1, IP6_ADDR_DEPRECATED);
    assert_false(source_tentative(&near));
    have(1, IP6_ADDR_DUPLICATED, 0, IP6_ADDR_INVALID);
    assert_false(source_tentative(&near));
    have(1, IP6_ADDR_TENTATIVE, 0, IP6_ADDR_INVALID);
    netif_ip6_addr_set_state(netif_default, 0, IP6_ADDR_TENTATIVE);
    assert_true(source_tentative(&neighbour));
    assert_true(source_tentative(&group));
    netif_set_link_down(netif_default); /* it would never be over */
    assert_false(source_tentative(&near));
    netif_set_link_up(netif_default);
    netif_set_down(netif_default);
    assert_false(source_tentative(&near));
}

IN_KERNEL(choice)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"who_has_no_other_address_waits", choice, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
