/* SPDX-License-Identifier: BSD-2-Clause */
/** TCP sockets: what their files share. */
#ifndef SPRAT_TCP_SOCKET_H
#define SPRAT_TCP_SOCKET_H

#include "socket.h"

/* tcp_socket.c */

/** Have a control block, and be told what happens to it. */
void tcp_socket_attach(struct socket *socket, struct tcp_pcb *pcb);

/** Keep the names of a connection's ends. */
void tcp_socket_name_ends(struct socket *socket, const struct tcp_pcb *pcb);

/** lwIP goes on alone with the control block, and forgets it when it likes. */
void tcp_socket_let_go(struct socket *socket);

/** The same where both sides have said that they send no more, and the peer has all there was. */
void tcp_socket_let_go_when_over(struct socket *socket);

/* tcp_send.c */

/** Is there so much room that it is worth waking a writer? */
bool tcp_socket_has_room(const struct tcp_pcb *pcb);

/** It no longer has anything that waits for more: see tcp_socket_send_held(). */
void tcp_socket_forget_held(const struct socket *socket);

ssize_t tcp_socket_send(struct socket *socket, const struct msghdr *message, int flags,
                        const ip_addr_t *to, u16_t port, const struct control *control);

/* tcp_receive.c */

/** lwIP's callback: data, or its end. */
err_t tcp_socket_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error);

/** The first `n` bytes that wait are read. */
void tcp_socket_consume(struct socket *socket, size_t n);

ssize_t tcp_socket_receive(struct socket *socket, struct msghdr *message, int flags,
                           ip_addr_t *from, u16_t *port);

#endif
