/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file
 * What an element is made of. This is the header that every element includes.
 *
 * An element class is a constant table (struct element_class); an element is an instance of the
 * struct that its class declares, with struct element as first member, zeroed when it is created.
 * Its life: arguments are read into its fields, configure(), initialize(), take_state() on a hot
 * swap, start(), then push/pull/run calls, and cleanup(), which also follows a failed configure()
 * or initialize().
 *
 * Push and pull work on batches (lists of packets). An element owns the packets it is given.
 */
#ifndef SPRAT_MIDDLEBOX_ELEMENT_H
#define SPRAT_MIDDLEBOX_ELEMENT_H

#include "bytes.h"
#include "lang.h"
#include "packet.h"
#include "text.h"
#include "value.h"

struct element;
struct router;

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define NSEC_PER_SEC  1000000000ull
#define NSEC_PER_MSEC 1000000ull
#define NEVER         UINT64_MAX

#define TIMERS_MAX 4  /* timers of one element */
#define BURST      32 /* packets that one task run takes by default */

typedef void push_fn(struct element *e, unsigned port, struct packet *batch);
typedef struct packet *pull_fn(struct element *e, unsigned port, unsigned max);

/* ---- arguments and handlers ---- */

/** Types of fields: how a value is read and printed, and what the member is. */
enum field_type {
    T_BOOL,    /* bool */
    T_U8,      /* uint8_t */
    T_U16,     /* uint16_t */
    T_U32,     /* uint32_t */
    T_INT,     /* int32_t */
    T_U64,     /* uint64_t */
    T_TIME,    /* uint64_t ns; a bare number is seconds */
    T_BW,      /* uint64_t bytes per second */
    T_REAL,    /* uint32_t: a fraction in 1/65536 */
    T_IP,      /* uint32_t in network order */
    T_ETHER,   /* uint8_t[6] */
    T_STR,     /* struct str, owned by the element: quotes removed */
    T_RAW,     /* struct str, owned by the element: the argument as it is */
    T_WORD,    /* uint8_t: index in the NULL-terminated list of words */
    T_ANNO,    /* uint8_t: offset of an annotation of `max` bytes */
    T_ELEMENT, /* struct element *: by name; of the class family in `words`, if given */
    T_CALL,    /* struct call *: a write handler with its value */
};

/* What a field is for. */
#define F_KEY  1  /* argument by keyword */
#define F_POS  3  /* by position or keyword */
#define F_REQ  4  /* the argument is mandatory */
#define F_RD   8  /* a read handler of that name, in lower case */
#define F_WR   16 /* a write handler */
#define F_RW   24
#define F_ZERO 32 /* set to zero by reset_counts */

/** One argument and/or data handler of an element class. */
struct field {
    const char *name; /* in upper case */
    uint8_t type;
    uint8_t flags;
    uint16_t offset; /* of the member */
    int32_t def;     /* T_TIME: in milliseconds */
    union {
        uint32_t max;             /* numbers: the largest value allowed; 0: that of the type */
        const char *const *words; /* T_WORD, T_ELEMENT */
    };
};

#define FIELD(strct, member, name_, type_, flags_, ...)                                            \
    {                                                                                              \
        .name = (name_), .type = (type_), .flags = (flags_), .offset = offsetof(strct, member),    \
        __VA_ARGS__                                                                                \
    }

/** A handler call with everything that belongs to it. */
struct hcall {
    struct element *e; /* NULL for global handlers */
    struct router *router;
    struct str arg;    /* what was written, or the parameter of a read; white space trimmed */
    struct text *out;  /* the answer of a read */
    struct errs *errs; /* positions refer to arg */
    unsigned index;    /* the number in "pattern3", for handlers named "pattern#" */
    int code;          /* tells handlers of one function apart */
};

/** Handlers that are more than a field. Returns 0 or -1 with the reason in errs. */
typedef int handler_fn(struct hcall *c);

struct handler {
    const char *name; /* may end in '#': any number below handler_count() */
    handler_fn *read, *write;
    int code;
};

/** A handler that an element calls, as in `END_CALL`. */
struct call;

/** The arguments of an element while it is configured. */
struct conf {
    struct element *e;
    struct router *router;
    struct errs *errs;
    const struct conf_text *text; /* for positions */
    struct str *argv;             /* arguments that the fields did not take */
    unsigned argc;
};

/** Source position of a place in an argument. */
uint32_t conf_pos(const struct conf *c, const char *at);
/** Report an error at an argument; returns -1. */
int conf_error(const struct conf *c, struct str at, const char *fmt, ...)
    __attribute__((format(__printf__, 3, 4)));

/* Values that may also be names from AddressInfo, as in value.h. */
bool conf_ip(const struct conf *c, struct str s, uint32_t *out);
bool conf_prefix(const struct conf *c, struct str s, bool bare, struct prefix *out);
bool conf_ether(const struct conf *c, struct str s, uint8_t out[6]);
/** An element by name, seen from c's element; NULL if there is none. */
struct element *conf_element(const struct conf *c, struct str name);
/** One argument into one field. False: it is not such a value. */
bool conf_field(struct conf *c, const struct field *f, struct str s);

/* ---- tasks and timers ---- */

struct task {
    struct task *next;
    uint64_t pass;
    uint32_t stride;
    bool queued;
    bool woken; /* while it runs */
};

/** Call `run` of the element's class soon. */
void task_wake(struct element *e);

struct timer {
    uint64_t expiry_ns;
    uint32_t index; /* in the heap, from 1; 0: not set */
    struct element *e;
    void (*fn)(struct element *e, struct timer *t);
};

/** Arrange a call at a moment (of port_now_ns()); an earlier arrangement is replaced. */
void timer_set(struct timer *t, struct element *e, void (*fn)(struct element *, struct timer *),
               uint64_t when_ns);
void timer_cancel(struct timer *t, struct element *e);

/* ---- elements ---- */

/** One end of a connection, as seen from an element that calls through it. */
struct link {
    union {
        push_fn *push;
        pull_fn *pull;
    };
    struct element *peer;
    unsigned port;
    bool is_push;
};

struct element {
    const struct element_class *cls;
    struct router *router;
    struct link *out; /* by output; only push outputs lead somewhere */
    struct link *in;  /* by input; only pull inputs lead somewhere */
    unsigned n_out, n_in;
    const char *name;
    const char *cls_name; /* as written: perhaps an alias */
    char *config;
    uint32_t pos;
    uint32_t index;
    struct task task;
    struct element **pullers; /* whose tasks pull from here, through whatever is between */
    unsigned n_pullers;
    struct element **stores; /* Queues that its output reaches */
    unsigned n_stores;
    struct element **feeders; /* whose tasks push into this Queue and wait when it is full */
    unsigned n_feeders;
};

#define CLASS_INFO     1  /* configured before all others (AddressInfo) */
#define CLASS_ARGS     2  /* takes more arguments than its fields; they are left in conf->argv */
#define CLASS_LIVE     4  /* may be configured anew while it runs: see reconfigure() */
#define CLASS_STORES   8  /* a Queue to the elements around it */
#define CLASS_PATTERNS 32 /* configured after those, before all others (IPRewriterPatterns) */
#define CLASS_WAITS    16 /* its task wants to sleep while all Queues behind it are full */

/** What few classes have: kept apart, as an image has each class's whole table. */
struct class_extra {
    const char *flow;   /* "#/#": agnostic input i goes with output i; NULL: all belong together */
    const char *family; /* what T_ELEMENT asks for, e.g. "rewriter" */
    int (*initialize)(struct element *e, struct errs *errs);
    void (*start)(struct element *e);
    void (*take_state)(struct element *e, struct element *old);
    /**
     * For CLASS_LIVE: take over what configure() made of `from`, which is cleaned up afterwards.
     */
    void (*adopt)(struct element *e, struct element *from);
    /** For CLASS_STORES: packets it holds and could still take. */
    unsigned (*stored)(const struct element *e, unsigned *room);
    /** How many handlers a name with '#' stands for. */
    unsigned (*handler_count)(const struct element *e);
};

/** A class's extra, in its table. */
#define EXTRA(...) (&(const struct class_extra){__VA_ARGS__})

/** What a class does with packets that are pushed to it. */
enum class_way { BY_ACTION, BY_ROUTE, BY_PUSH };

struct element_class {
    const char *name;
    char ports[7];      /* inputs/outputs: "1/1", "1/1-2", "-/=", "0-1/1-" */
    char processing[5]; /* "h/l": push and pull; a: agnostic; the last letter repeats */
    uint8_t flags;
    uint8_t way; /* which of action, route and push it has: see ROUTES() */
    uint16_t size;
    const struct class_extra *extra; /* or NULL; see class_extra() */
    const struct field *fields;      /* up to one without a name */
    const struct handler *handlers;  /* likewise */
    int (*configure)(struct element *e, struct conf *c);
    void (*cleanup)(struct element *e);
    /** A field was changed by a handler. */
    void (*changed)(struct element *e);
    union {
        /** One packet from input 0 to output 0: returns it, or NULL. May push to other outputs. */
        struct packet *(*action)(struct element *e, struct packet *p);
        /** By which output a packet leaves; one that is not there (ROUTE_DROP) drops it. */
        unsigned (*route)(struct element *e, unsigned port, struct packet *p);
        push_fn *push; /* whole batches */
    };
    pull_fn *pull;
    /** The task. Returns false when there is nothing to do until somebody wakes it. */
    bool (*run)(struct element *e);
};

/* A class's route or push, in its table. */
#define ROUTES(function) .way = BY_ROUTE, .route = (function)
#define PUSHES(function) .way = BY_PUSH, .push = (function)

/** A class's extra, all zero if it has none. */
const struct class_extra *class_extra(const struct element_class *cls);

/** Is there such an element, and is its class of a family? */
bool element_is_of(const struct element *e, const char *family);

/** What the router guards against: configurations that send packets in circles. */
#define FLOW_DEPTH_MAX 200     /* elements that call each other at once */
#define FLOW_HOPS_MAX  100000u /* calls in one task run */

/** The part of a router that the data path touches. */
struct flow {
    uint32_t depth;
    uint32_t hops;
    uint64_t now_ns; /* the moment this round began */
    uint64_t looped; /* packets dropped by the guard */
};

static inline struct flow *flow_of(const struct element *e)
{
    return (struct flow *)e->router; /* its first member */
}

static inline uint64_t now_ns(const struct element *e)
{
    return flow_of(e)->now_ns;
}

void flow_guard_drop(struct element *e, struct packet *batch);

/** Push a batch out of an output. */
static inline void element_push(struct element *e, unsigned port, struct packet *batch)
{
    struct flow *f = flow_of(e);
    const struct link *l = &e->out[port];

    if (unlikely(++f->depth > FLOW_DEPTH_MAX || ++f->hops > FLOW_HOPS_MAX))
        flow_guard_drop(e, batch);
    else
        l->push(l->peer, l->port, batch);
    f->depth--;
}

/** Push one packet out of an output if there is such an output, else drop it. */
void element_push_or_kill(struct element *e, unsigned port, struct packet *p);

/** Pull up to `max` packets from an input; NULL: nothing there now. */
static inline struct packet *element_pull(struct element *e, unsigned port, unsigned max)
{
    struct flow *f = flow_of(e);
    const struct link *l = &e->in[port];
    struct packet *batch = NULL;

    if (likely(++f->depth <= FLOW_DEPTH_MAX && ++f->hops <= FLOW_HOPS_MAX))
        batch = l->pull(l->peer, l->port, max);
    f->depth--;
    return batch;
}

/** Is this output's (input's) other end reached by push? */
static inline bool output_is_push(const struct element *e, unsigned port)
{
    return e->out[port].is_push;
}

static inline bool input_is_push(const struct element *e, unsigned port)
{
    return e->in[port].is_push;
}

/** Something may be there to pull: wake those that pull from here. */
void element_wake_pullers(struct element *e);

/** How many packets the emptiest Queue still takes that this element pushes into. */
unsigned element_stores_room(const struct element *e);

static inline bool element_stores_full(const struct element *e)
{
    return !element_stores_room(e);
}

/** There is room again in this Queue: wake those that wait for it. */
void element_wake_feeders(struct element *e);

#define ROUTE_DROP UINT32_MAX

/** What pushes and pulls batches through an element that has an action or a route only. */
void element_action_push(struct element *e, unsigned port, struct packet *batch);
struct packet *element_action_pull(struct element *e, unsigned port, unsigned max);
void element_route_push(struct element *e, unsigned port, struct packet *batch);

/** Splits a batch into runs that go to the same output, keeping the order of the packets. */
struct splitter {
    struct packet *head, **tail;
    unsigned port;
};

void split_flush(struct element *e, struct splitter *s);

static inline void split_init(struct splitter *s)
{
    s->head = NULL;
    s->tail = &s->head;
    s->port = 0;
}

/** Add one packet for an output; an output that does not exist drops it. */
static inline void split_add(struct element *e, struct splitter *s, unsigned port, struct packet *p)
{
    if (port != s->port && s->head)
        split_flush(e, s);
    s->port = port;
    *s->tail = p;
    s->tail = &p->next;
}

/** Write a line to the log; the element's name comes first. */
void element_log(const struct element *e, const char *fmt, ...)
    __attribute__((format(__printf__, 2, 3)));

/** A write handler by "element.handler value", as T_CALL fields have it. NULL: there is none. */
struct call *call_new(struct element *e, struct str text);
void call_free(struct call *c);
struct str call_text(const struct call *c);
void call_run(struct call *call, struct element *e);

/** Ask the driver to stop, as STOP arguments do. */
void router_stop(struct router *r);

#endif
