/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NewReno (RFC 6582): several segments of one window were lost. lwIP sends the first again after
 * three repeated acknowledgements, and takes the next new one for the end of it, though that may
 * only show the next hole; each further hole would wait for a time-out. So what was sent when the
 * recovery began is remembered, and until all of that is acknowledged each new acknowledgement has
 * the next hole filled. lwIP's flag (TF_INFR) stays meanwhile, so that the window shrinks once.
 */
#include "net.h"

#include "lwip/priv/tcp_priv.h"

#include "connections.h"

void net_recovery_begins(struct tcp_pcb *pcb)
{
    if (!(pcb->flags & TF_INFR))
        return;
    struct connection *connection = connection_of(pcb);
    if (connection->recovering)
        return;
    connection->recovering = true;
    connection->recover = pcb->snd_nxt;
}

void net_recovery_goes_on(struct tcp_pcb *pcb)
{
    struct connection *connection = connection_of(pcb);

    if (!connection->recovering)
        return;
    if (!(pcb->flags & TF_RTO) && TCP_SEQ_LT(pcb->lastack, connection->recover) &&
        tcp_rexmit(pcb) == ERR_OK) {
        tcp_set_flags(pcb, TF_INFR);
        pcb->rtime = 0;
        return;
    }
    connection->recovering = false;
}
