/* SPDX-License-Identifier: BSD-2-Clause */
/* epoll: what it tells, and when. */
#include "netops.h"

#include <stdio.h>
#include <sys/epoll.h>

static int epoll = -1;
static bool watched[N_SOCKETS];

static void tell_events(unsigned i, unsigned events)
{
    printf("  %u:%s%s%s%s%s\n", i, events & EPOLLIN ? " in" : "", events & EPOLLOUT ? " out" : "",
           events & EPOLLERR ? " err" : "", events & EPOLLHUP ? " hup" : "",
           events & EPOLLRDHUP ? " rdhup" : "");
}

static void wait_for_all(void)
{
    struct epoll_event events[N_SOCKETS];
    int n = epoll_wait(epoll, events, N_SOCKETS, 0);

    tell(n, "epoll: wait");
    for (unsigned i = 0; i < N_SOCKETS; i++)
        for (int at = 0; at < n; at++)
            if (events[at].data.u32 == i)
                tell_events(i, events[at].events);
}

void event_forget(unsigned i)
{
    /* Another descriptor may still stand for it. */
    if (watched[i] && fds[i] >= 0)
        epoll_ctl(epoll, EPOLL_CTL_DEL, fds[i], NULL);
    watched[i] = false;
}

void do_epoll(void)
{
    static const struct {
        int operation;
        const char *name;
    } operations[] = {
        {EPOLL_CTL_ADD, "add"}, {EPOLL_CTL_MOD, "mod"}, {EPOLL_CTL_DEL, "del"}, {77, "what"}};
    unsigned i = some_socket();
    uint64_t how = below(40) ? below(3) : 3, more = below(4);
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.u32 = i};

    if (epoll < 0)
        epoll = epoll_create1(0);
    if (below(2)) {
        wait_for_all();
        return;
    }
    if (more == 1)
        event.events |= EPOLLOUT;
    else if (more == 2)
        event.events |= EPOLLONESHOT;
    else if (more == 3)
        event.events |= EPOLLET;
    int result = epoll_ctl(epoll, operations[how].operation, fds[i], &event);
    tell(result, "%s: epoll %s %d", kind(i), operations[how].name, (int)more);
    if (result == 0)
        watched[i] = how != 2;
}
