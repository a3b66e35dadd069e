/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file
 * A running configuration, and the engine around it: load, run, call handlers, replace.
 *
 *     struct engine *eng = engine_new();
 *     if (engine_load(eng, text, len, &errors)) ...
 *     for (;;) {
 *         uint64_t deadline = engine_run(eng, 1000);
 *         if (deadline > port_now_ns()) block until then or until a device wakes;
 *     }
 */
#ifndef SPRAT_MIDDLEBOX_ROUTER_H
#define SPRAT_MIDDLEBOX_ROUTER_H

#include "element.h"

struct names;

struct router {
    struct flow flow; /* must be first, see flow_of() */
    struct element **elems;
    unsigned n_elems;
    struct element *running; /* whose task runs */
    struct task *queue;      /* sorted by pass */
    uint64_t pass;
    struct timer **heap; /* [1..n_timers] */
    unsigned n_timers, cap_timers;
    struct names *names; /* of addresses; NULL: none */
    char *source;        /* the configuration as it was given */
    char *requirements;
    bool stopped;
    bool started;
    struct errs *start_errs;
};

struct engine {
    struct router *router; /* NULL before the first configuration */
};

struct engine *engine_new(void);
void engine_free(struct engine *eng);

/**
 * Read, check and start a configuration.
 *
 * While another one runs, this is a hot swap: the new one takes over the state of elements with the
 * same name and class. If anything is wrong with the new one, the old one keeps running.
 *
 * @param errors  gets the errors and warnings, a line each; may be NULL.
 * @return 0, or -1.
 */
int engine_load(struct engine *eng, const char *text, size_t len, struct text *errors);

/** Read and check only; nothing is started or changed. */
int engine_check(const char *text, size_t len, struct text *errors);

/**
 * Run until nothing is left to do or about `max_tasks` tasks have run.
 *
 * @return when to call again: 0 (there is more to do now), a moment of port_now_ns(), or NEVER
 * (only when a device has something). The router's `stopped` tells whether a driver should end.
 */
uint64_t engine_run(struct engine *eng, unsigned max_tasks);

bool engine_stopped(const struct engine *eng);

/* ---- handlers ---- */

enum handler_status {
    HANDLER_OK,
    HANDLER_NO_ROUTER,
    HANDLER_NO_ELEMENT,
    HANDLER_NO_HANDLER,
    HANDLER_NOT_READABLE,
    HANDLER_NOT_WRITABLE,
    HANDLER_FAILED,
};

/**
 * Call "element.handler" (or a global one: "list", "hotconfig", ...). Elements can also be named by
 * their number, from 1.
 *
 * @param out  a read's answer, or the error messages of a call that failed.
 */
enum handler_status engine_read(struct engine *eng, struct str name, struct str param,
                                struct text *out);
enum handler_status engine_write(struct engine *eng, struct str name, struct str value,
                                 struct text *out);
/** Would it be there? */
enum handler_status engine_check_handler(struct engine *eng, struct str name, bool write);

/* ---- for the engine's own files ---- */

/** Build (parse, check, configure, initialize) without starting; NULL with reasons in errs. */
struct router *router_build(const char *text, size_t len, struct errs *errs);
void router_free(struct router *r);
void router_start(struct router *r, struct router *old);
struct element *router_find(const struct router *r, struct str name);
/** As seen from inside a compound: the innermost element of that name. */
struct element *router_find_near(const struct router *r, const char *from, struct str name);

/** Check ports and resolve push and pull; sets the elements' links. 0 or -1. */
int router_connect(struct router *r, const struct plan *plan, struct errs *errs);
/** Find pullers, stores and feeders of all elements. 0 or -1 (no memory). */
int router_find_listeners(struct router *r);

/** Read an element's arguments into its fields; what is left stays in c->argv. 0 or -1. */
int args_parse(struct conf *c);
/** Configure an element from a configuration string (fields, then configure()). 0 or -1. */
int element_configure(struct element *e, const struct conf_text *text, struct errs *errs);
/** Free what the fields own. */
void args_free(struct element *e);
void args_defaults(struct element *e);
/** A field as text, as its read handler gives it. */
void field_print(const struct element *e, const struct field *f, struct text *out);

/** Run tasks and timers; see engine_run(). */
uint64_t sched_run(struct router *r, unsigned max_tasks);

/** AddressInfo: remember `name`. */
int name_add(struct router *r, struct str name, struct str value, struct errs *errs, uint32_t pos);
void name_free(struct router *r);

/** Classes and what they are called besides. */
extern const struct element_class *const class_table[];
extern const unsigned class_count;

#endif
