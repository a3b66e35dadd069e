/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * spratctl's side of the conversation with spratd: one connection, requests and answers, one after
 * the other or many under way. What goes wrong ends the program with a sentence.
 */
#ifndef SPRAT_TOOLSTACK_ASK_H
#define SPRAT_TOOLSTACK_ASK_H

#include <stdbool.h>

#include "json.h"

/** End the program with a message and exit code 1. */
_Noreturn void ask_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * Connect.
 *
 * @param show_json  print each answer as it comes, and nothing else.
 * @param timeout_s  what requests may take; spratd is given up some time later.
 */
void ask_open(const char *path, bool show_json, double timeout_s);

/** Whether answers are printed as they come. */
bool ask_shows_json(void);

/** Begin a request: an object with "op". */
void ask_begin(struct json_out *out, const char *op);

/** Send a request that was begun, and wait for its answer, the caller's to free. */
struct json *ask(struct json_out *out);

/** The same, for the program's own use: the answer is not printed. */
struct json *ask_quietly(struct json_out *out);

/** Requests of one kind: so many at once, answered in order. */
struct ask_pipeline {
    long most_under_way;
    void (*show)(const struct json *answer); /* of one that succeeded; NULL: nothing */
    long n_under_way, n_failed;
};

/** Send a request; takes an answer first when too many are under way. */
void ask_send(struct ask_pipeline *pipeline, struct json_out *out);

/** Take all answers that are due. @return an exit code: 1 when a request has failed. */
int ask_finish(struct ask_pipeline *pipeline);

#endif
