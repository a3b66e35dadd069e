/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segments of connections, before lwIP takes them. Whoever knows a connection's addresses and ports
 * may send some in its peer's name. lwIP guards against resets and requests for a connection; data,
 * ends and window updates it would take of any segment whose sequence number may be, or even of
 * others. So both numbers must fit first, as RFC 793 and 5961 say. What does not fit is answered
 * with what would, so that a true peer that is behind learns of it: where there is no data, once in
 * a tick, or two hosts that are both behind would answer one another for ever.
 */
#include "net.h"
#include "net_hooks.h"

#include "lwip/priv/tcp_priv.h"

#include "connections.h"
#include "window.h"

/* Does it begin or end where something may still come? */
static bool fits_window(const struct tcp_pcb *pcb, u32_t first, u32_t len)
{
    return TCP_SEQ_GEQ(first + len, pcb->rcv_nxt) &&
           TCP_SEQ_LEQ(first, pcb->rcv_nxt + pcb->rcv_wnd);
}

/* Does it acknowledge what was sent, and not too long ago for a segment that was under way? */
static bool fits_sent(const struct tcp_pcb *pcb, u32_t ack)
{
    return TCP_SEQ_GEQ(ack, pcb->lastack - pcb->snd_wnd_max) && TCP_SEQ_LEQ(ack, pcb->snd_nxt);
}

static void challenge(struct tcp_pcb *pcb, u32_t len)
{
    struct connection *connection = connection_of(pcb);

    if (!len && connection->challenged == (uint8_t)tcp_ticks)
        return;
    connection->challenged = (uint8_t)tcp_ticks;
    tcp_send_empty_ack(pcb);
}

static err_t look_at(struct tcp_pcb *pcb, const struct tcp_hdr *header, const struct pbuf *p)
{
    unsigned flags = TCPH_FLAGS(header);
    u32_t len = p->tot_len + !!(flags & TCP_FIN);

    if (flags & (TCP_RST | TCP_SYN))
        return ERR_OK; /* lwIP looks at them itself */
    if (!(flags & TCP_ACK))
        return ERR_VAL;
    if (fits_window(pcb, header->seqno, len) && fits_sent(pcb, header->ackno))
        return ERR_OK;
    challenge(pcb, len);
    return ERR_VAL;
}

err_t net_segment_in(struct tcp_pcb *pcb, struct tcp_hdr *header, struct pbuf *p)
{
    connections_show();
    if (pcb->state == LISTEN)
        return net_listener_segment((const struct tcp_pcb_listen *)pcb, header, p);
    window_segment_comes(pcb, header, p);
    if (pcb->state < ESTABLISHED || pcb->state == TIME_WAIT)
        return ERR_OK;
    return look_at(pcb, header, p);
}
