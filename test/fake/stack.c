/* SPDX-License-Identifier: BSD-2-Clause */
#include "stack.h"

#include <string.h>

#include "lwip/netif.h"
#include "lwip/pbuf.h"

#include <sprat/clock.h>
#include <sprat/file.h>
#include <sprat/thread.h>

#include "../../libc-glue/lwip/net.h"

#include "vif.h"

struct file console_file; /* the first descriptors; nobody uses them */

#define START_NS 20000000000ull /* until addresses are checked and routers asked for */

void fake_stack_start(void)
{
    fake_vif.link = NETFRONT_UP;
    net_start();
    thread_sleep_until(clock_monotonic() + START_NS);
}

int fake_stack_output(const uint8_t *frame, size_t len)
{
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);

    if (!p)
        return ERR_MEM;
    memcpy(p->payload, frame, len);
    err_t error = netif_default->linkoutput(netif_default, p);
    pbuf_free(p);
    net_leave();
    return error;
}
