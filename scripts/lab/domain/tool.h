/* SPDX-License-Identifier: BSD-2-Clause */
/* What all of lab-domain stands on: its handles, time, signals, and other programs. */
#ifndef LAB_DOMAIN_TOOL_H
#define LAB_DOMAIN_TOOL_H

#include <stdint.h>
#include <stdio.h>

#include <xenctrl.h>
#include <xenstore.h>

enum { PROGRAM_TIMEOUT_MS = 60 * 1000 }; /* `xl create` takes half a second; longer among many */

extern xc_interface *xc;
extern struct xs_handle *xs;
extern FILE *report; /* lines "KEY VALUE" */
extern int signals;  /* signalfd: SIGINT, SIGTERM, SIGHUP, SIGCHLD */

/** Open all of these, or end. */
void tool_open(void);

void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...);

int64_t now_ms(void);

/** @return ms until `deadline_ms` for poll(): 0 if it has passed, -1 if there is none (0). */
int left_ms(int64_t deadline_ms);

/** Take one signal that has come. @return its number, or 0. SIGCHLD only wakes up. */
int take_signal(void);

/**
 * Run a program to its end; the first signal ends it.
 *
 * @param text  its output, to be freed
 * @return its exit code; 128 + N after signal N; -ETIMEDOUT; -EINTR when a signal came for us
 */
int run(char *const argv[], char **text);

/** Report the lines of `text`, each after `key` and a space; at most the last `max_lines`. */
void report_lines(const char *key, char *text, int max_lines);

/** @return the value of a node of the guest, to be freed, or NULL. */
char *read_node(uint32_t domid, const char *node);

/** Watch a node; its events end a poll() on xs_fileno(). */
void watch(const char *path);

/** Take the watch events that have come. */
void take_watch_events(void);

#endif
