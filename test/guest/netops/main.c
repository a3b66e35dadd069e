/* SPDX-License-Identifier: BSD-2-Clause */
/* netops SEED COUNT: that many calls, line by line. Built for the guest and for Linux, so that one
 * can be held against the other. */
#include "netops.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    void (*call)(void);
    unsigned weight;
} calls[] = {
    {do_socket, 6}, {do_pair, 4},  {do_mates, 3}, {do_bind, 7},     {do_listen, 5}, {do_connect, 8},
    {do_accept, 6}, {do_close, 4}, {do_send, 16}, {do_receive, 16}, {do_drain, 2},  {do_get, 6},
    {do_set, 6},    {do_name, 5},  {do_file, 4},  {do_shutdown, 4}, {do_epoll, 6},  {do_text, 3},
};
#define N_CALLS (sizeof(calls) / sizeof(calls[0]))

static void do_one(void)
{
    unsigned total = 0;

    for (size_t i = 0; i < N_CALLS; i++)
        total += calls[i].weight;
    unsigned what = (unsigned)below(total);
    for (size_t i = 0; i < N_CALLS; what -= calls[i++].weight) {
        if (what < calls[i].weight) {
            calls[i].call();
            return;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: netops SEED COUNT\n");
        return EXIT_FAILURE;
    }
    signal(SIGPIPE, SIG_IGN);
    settle_begin();
    for (unsigned long n = 0; n < strtoul(argv[2], NULL, 10); n++) {
        /* What one call answers shall not change what the next ones are. */
        seed(strtoull(argv[1], NULL, 10) << 32 | n);
        do_one();
        settle();
        tell_changes();
    }
    puts("done");
    return EXIT_SUCCESS;
}
