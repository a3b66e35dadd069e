/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * A guest's console, served by the launcher: the last of its output is kept, and a terminal is
 * there for `xl console`. One descriptor a guest, and all event channels by one; xenconsoled takes
 * four.
 */
#ifndef SPRAT_TOOLSTACK_CONSOLE_H
#define SPRAT_TOOLSTACK_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fail.h"
#include "hyper.h"

struct xencons_interface;

struct console {
    struct xencons_interface *ring; /* the guest's page; what is in it is not to be believed */
    int port;                       /* our end of the event channel, or -1 */
    int terminal;                   /* master side, or -1 */
    char *log;                      /* the last output */
    size_t log_len, log_size;
    uint64_t n_output; /* bytes since the beginning */
    bool broken;       /* the ring's indices are impossible: it is left alone */
};

#define CONSOLE_CLOSED                                                                             \
    {                                                                                              \
        .port = -1, .terminal = -1                                                                 \
    }

/**
 * Begin to serve a domain's console.
 *
 * @param page  the console's, mapped; it stays the caller's.
 * @param port  the guest's end of the event channel.
 * @return 0 or -errno; then nothing is open.
 */
int console_open(struct console *console, struct hyper *hyper, uint32_t domid, void *page,
                 uint32_t port, struct fail *fail);

/** Make the terminal; its name is console_terminal_name()'s. @return 0 or -errno. */
int console_make_terminal(struct console *console, struct fail *fail);

/** @return 0, or -errno when it has none. */
int console_terminal_name(const struct console *console, char *name, size_t size);

/**
 * Keep what a launcher before this one has taken from the ring: the last 2 KiB are still there.
 *
 * @return whether that is all that the guest ever said.
 */
bool console_recall(struct console *console);

/** Take and give back the guest's event channel alone: one that is suspended needs none. */
int console_bind(struct console *console, struct hyper *hyper, uint32_t domid, uint32_t port,
                 struct fail *fail);
void console_unbind(struct console *console, struct hyper *hyper);

/** Stop serving. */
void console_close(struct console *console, struct hyper *hyper);

/** Take what the guest has written. @return whether something came. */
bool console_drain(struct console *console, struct hyper *hyper);

/** Pass on what was typed into the terminal, as far as the guest has room. */
void console_type(struct console *console, struct hyper *hyper);

/** Whether `text` is in the output that is kept. */
bool console_has(const struct console *console, const char *text);

#endif
