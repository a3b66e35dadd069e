/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest: its creation, its end, its console. */
#ifndef LAB_DOMAIN_GUEST_H
#define LAB_DOMAIN_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <xenctrl.h>

struct domain {
    const char *name;
    uint32_t domid;
    const char *log_path; /* NULL: read the tty */
    int console;          /* the log or the tty, or -1 */
    int console_watch;    /* inotify, or -1 */
    int tty;              /* for input, or -1 */
    uint32_t console_bytes;
    bool cr_kept; /* it was the last byte of these, and its line feed may follow */
    bool panic_seen;
    const char *panic_mark;
    size_t mark_matched;
};

/** Create the guest, paused. @return 0; otherwise it was reported, and nothing of it is left. */
int domain_create(struct domain *domain, char **xl_args);

/** Remove the guest, whatever its state. Nothing happens if it is not there. */
void domain_destroy(const struct domain *domain);

/** @return how the guest ended, or NULL while it lives. A suspended one lives: it is saved. */
const char *how_ended(const struct domain *domain, xc_dominfo_t *info);

/** Report the exit status that the guest left in its own part of xenstore. */
void report_status(const struct domain *domain);

/** Report what the guest took of CPU and memory. */
void report_info(const xc_dominfo_t *info);

/** Report where the guest's CPU was and what Xen wrote about it. */
void post_mortem(const struct domain *domain);

/** Wait until the console is there, and open it. @return 0, or -ETIMEDOUT, -EINTR, -errno. */
int console_open(struct domain *domain);

/** Copy what the console has to stdout. @return whether it had anything. */
bool console_copy(struct domain *domain);

/**
 * Copy the rest of an ended guest's console. The ring counts every byte it ever took, so "all" is
 * known exactly, wherever xenconsoled is with its work.
 *
 * @return the number of bytes that did not come in time
 */
uint32_t console_drain(struct domain *domain);

/** Pass input on to the guest. @return false at its end. */
bool console_input(const struct domain *domain);

#endif
