/* SPDX-License-Identifier: BSD-2-Clause */
/* What xl's ip= may be. The command line's sprat.ip is read in the same way. */
#include "run.h"

#include <stdbool.h>

#include "lwip/netif.h"

#include <sprat/log.h>
#include <sprat/port.h>

#include "../../libc-glue/lwip/config.h"

#include "kernel.h"
#include "vif.h"
#include "world.h"

/* @return whether it is taken; else the guest asks DHCP, and what is said of it is in the log. */
static bool is_taken(const char *ip)
{
    struct interface interface = {0};

    fake_log_clear();
    fake_vif_plug(ip);
    config_read(&interface);
    return interface.config.ip4 == CONFIG_STATIC;
}

static void assert_refused(const char *ip)
{
    assert_false(is_taken(ip));
    log_flush(PORT_FOREVER);
    assert_has(fake_log_text(), "vif0: xl's ip=");
    assert_has(fake_log_text(), "DHCP is asked");
}

static void addresses_are_hosts_body(void)
{
    assert_true(is_taken("10.0.0.2/24"));
    assert_true(is_taken("10.0.0.2"));
    assert_true(is_taken("10.0.0.2 10.0.0.3,10.0.0.4"));
    assert_true(is_taken("10.0.0.2/31"));
    assert_true(is_taken("10.0.0.255/32"));
    assert_true(is_taken("10.0.1.0/23"));
    assert_true(is_taken("223.255.255.2/24"));
    log_flush(PORT_FOREVER);
    assert_string_equal(fake_log_text(), "");
    assert_refused("0.0.0.2/24");
    assert_refused("127.0.0.2/24");
    assert_refused("224.0.0.2/24");
    assert_refused("255.255.255.255/32");
    assert_refused("10.0.0.0/24");
    assert_refused("10.0.0.255/24");
    assert_refused("10.0.1.255/23");
    assert_refused("10.0.0.300");
    assert_refused("10.0.0.2/33");
    assert_refused("fd00::2/64");
}
IN_KERNEL(addresses_are_hosts)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(addresses_are_hosts)};
    return RUN_TESTS(tests);
}
