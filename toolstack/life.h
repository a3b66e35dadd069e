/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * What happens when a guest ends: its on_poweroff, on_reboot and on_crash.
 */
#ifndef SPRAT_TOOLSTACK_LIFE_H
#define SPRAT_TOOLSTACK_LIFE_H

#include <stdint.h>

#include "config.h"
#include "fail.h"

struct guest;
struct host;
struct json_out;

#define LIFE_AGAIN_NS 5000000000ull /* for I/O that is under way as its domain ends */

/**
 * Create a guest: from a pool if it has a shell, else from nothing.
 *
 * @param text, file  the configuration's, for restarts and messages
 * @param pooled      receives whether it was a shell; may be NULL
 * @return 0 or -errno; -EAGAIN: a disk is still being let go, which may take LIFE_AGAIN_NS.
 */
int life_create(struct host *host, const struct config *config, const char *text, const char *file,
                bool paused, struct guest **guest, bool *pooled, struct fail *fail);

/** Look which guests have ended, if xenstored said that some have, and act. */
void life_look(struct host *host);

/**
 * A guest did something, and may end next. Xen tells xenstored alone about domains that end, and
 * xenstored looks only at those it knows; so the others are looked at after each sign of life, at
 * growing distances, and all of them every other second.
 */
void life_suspect(struct guest *guest);

/** Look at all guests every other second from now on. */
void life_sweep(void);

/** Restart those whose time has come, look at suspects, tell xl of new ones. @return when there is
 * more, or UINT64_MAX. */
uint64_t life_work(struct host *host, uint64_t now_ns);

/** Whether a guest waits to be restarted. */
bool life_is_waiting(const char *name);

/** Cancel the restart of a guest that waits for one. @return whether there was one. */
bool life_cancel(const char *name);

/** Write those that wait for their restart as elements of an array. */
void life_report(struct json_out *out);

/** Write how many guests were created and how they ended, since the start. */
void life_report_counts(struct json_out *out, const char *key);

/** A guest was destroyed by command. */
void life_count_destroyed(void);

#endif
