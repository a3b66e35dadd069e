/* SPDX-License-Identifier: BSD-2-Clause */
/* How an interface is told its addresses: xl's ip=, and the command line. */
#include "run.h"

#include <stdbool.h>
#include <string.h>

#include <xen/sched.h>

#include "lwip/inet.h"

#include "lwip/netif.h"

#include <sprat/arch.h>
#include <sprat/log.h>
#include <sprat/netfront.h>
#include <sprat/port.h>

#include "../../libc-glue/lwip/config.h"
#include "../../libc-glue/lwip/net.h"

#include "consoled.h"
#include "kernel.h"
#include "machine.h"
#include "vif.h"
#include "world.h"
#include "xenstored.h"

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

static struct interface interface;
static unsigned n_queues;

static void read_config(int argc, char **argv, char **env)
{
    (void)argc;
    (void)argv;
    (void)env;
    interface_take_options();
    fake_vif_plug("");
    n_queues = config_queues();
    config_read(&interface);
}

/* @return how the guest ended. */
static int boot(const char *cmdline)
{
    interface = (struct interface){0};
    fake_build(&(struct fake_guest){.cmdline = cmdline});
    fake_app = read_config;
    return fake_run_guest(kernel_main);
}

/* Each test is a boot: @return what came of it. */
static const struct interface_config *taken(const char *cmdline)
{
    assert_int_equal(boot(cmdline), FAKE_RETURNED);
    return &interface.config;
}

static void assert_line_refused(const char *cmdline, const char *why)
{
    assert_int_equal(boot(cmdline), SHUTDOWN_poweroff);
    assert_has(fake_console_text(), why);
    assert_string_equal(fake_xenstored_value("data/exit-status"), "64");
}

static void words_for_ipv4_are_taken(void **state)
{
    const struct interface_config *config = taken("sprat.queues=8 sprat.ip=10.0.0.2/20,gw=10.0.1.1,"
                                                  "dns=10.0.0.3,dns=fd00::3 sprat.ip6=off");

    (void)state;
    assert_int_equal(n_queues, 8);
    assert_int_equal(config->ip4, CONFIG_STATIC);
    assert_int_equal(config->address.addr, htonl(0x0a000002));
    assert_int_equal(config->mask.addr, htonl(0xfffff000));
    assert_int_equal(config->gateway.addr, htonl(0x0a000101));
    assert_int_equal(config->n_dns, 2);
    assert_int_equal(config->ip6, CONFIG_OFF);
}

static void words_for_ipv6_are_taken(void **state)
{
    const struct interface_config *config =
        taken("sprat.ip6=fd00::2/64,gw=fe80::1,dns=10.0.0.3 sprat.ip=off");

    (void)state;
    assert_int_equal(n_queues, 1);
    assert_int_equal(config->ip4, CONFIG_OFF);
    assert_int_equal(config->ip6, CONFIG_STATIC);
    assert_int_equal(config->address6.addr[3], htonl(2));
    assert_int_equal(config->gateway6.addr[0], htonl(0xfe800000));
}

static void addresses_are_asked_for(void **state)
{
    (void)state;
    assert_int_equal(taken("sprat.ip6=dhcp sprat.ip=dhcp")->ip6, CONFIG_DHCP);
    assert_int_equal(interface.config.ip4, CONFIG_AUTO);
}

static void routers_are_asked(void **state)
{
    (void)state;
    assert_int_equal(taken("sprat.ip6=auto")->ip6, CONFIG_AUTO);
}

/* A line that ends the guest, and what is said of it. */
struct bad {
    const char *line, *why;
};

static void a_line_is_refused(void **state)
{
    const struct bad *bad = *state;

    assert_line_refused(bad->line, bad->why);
}

#define NEED   "an address and the length of its prefix are needed"
#define HOSTS  "an address that a host can have is needed"
#define MORE   "gw=ADDRESS, of the same family, and two dns=ADDRESS"
#define QUEUES "from 1 to 8 are possible"

#define ONES     "1111111111111111111111111111111111111111"
#define TOO_LONG ONES ONES ONES ONES

#define REFUSED(word, why)                                                                         \
    {                                                                                              \
        word, a_line_is_refused, NULL, NULL, &(struct bad)                                         \
        {                                                                                          \
            "sprat." word, why                                                                     \
        }                                                                                          \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_hosts),
        cmocka_unit_test(words_for_ipv4_are_taken),
        cmocka_unit_test(words_for_ipv6_are_taken),
        cmocka_unit_test(addresses_are_asked_for),
        cmocka_unit_test(routers_are_asked),
        REFUSED("queues=0", QUEUES),
        REFUSED("queues=9", QUEUES),
        REFUSED("queues=two", QUEUES),
        REFUSED("ip=", NEED),
        REFUSED("ip=auto", NEED),
        REFUSED("ip=10.0.0/24", NEED),
        REFUSED("ip=10.0.0.2/33", NEED),
        REFUSED("ip=10.0.0.2/", NEED),
        REFUSED("ip=fd00::2/64", NEED),
        REFUSED("ip6=10.0.0.2/24", NEED),
        REFUSED("ip6=fd00::2/129", NEED),
        REFUSED("ip6=fd00::2/63", "the prefix of an IPv6 address has 64 bits"),
        REFUSED("ip6=ff02::2/64", HOSTS),
        REFUSED("ip=10.0.0.2/24,gw=10.0.0.2", HOSTS),
        REFUSED("ip=10.0.0.2/24,gw=224.0.0.1", HOSTS),
        REFUSED("ip=10.0.0.2/24,gw=fd00::1", MORE),
        REFUSED("ip=10.0.0.2/24,gw", MORE),
        REFUSED("ip=10.0.0.2/24,gw=", MORE),
        REFUSED("ip=10.0.0.2/24,way=10.0.0.1", MORE),
        REFUSED("ip=10.0.0.2/24,dns=1.1.1.1,dns=2.2.2.2,dns=3.3.3.3", MORE),
        REFUSED("ip=" TOO_LONG, "too long"),
    };
    return RUN_TESTS(tests);
}
