/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of sockets, beside what options.c tests in a guest. */
#include "run.h"

#include <string.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lwip/netif.h"
#include "lwip/pbuf.h"

#include "kernel.h"
#include "peer.h"
#include "world.h"

/* What lwIP produced within a call leaves with the call, as when a late timer runs first. */
static void leave_body(void)
{
    socklen_t len = sizeof(int);
    int value = 0;

    peer_start();
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct pbuf *p = pbuf_alloc(PBUF_RAW, 60, PBUF_RAM);
    memset(p->payload, 0, p->len);
    memcpy(p->payload, "\1\2\3\4\5\6\1\2\3\4\5\6\x08\0\x45\0\0\x2e\0\0\0\0\x40\x63", 24);
    assert_int_equal(netif_default->linkoutput(netif_default, p), 0);
    pbuf_free(p);
    assert_int_equal(peer_count(0x63), 0);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len), 0);
    assert_int_equal(peer_count(0x63), 1);
}

static void reading_an_option_ends_as_every_call_does(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(leave_body), FAKE_RETURNED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_an_option_ends_as_every_call_does),
    };
    return RUN_TESTS(tests);
}
