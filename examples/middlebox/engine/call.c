/* SPDX-License-Identifier: BSD-2-Clause */
/* Handlers that an element calls, as in `END_CALL`. */
#include <stdlib.h>

#include "handler.h"

struct call {
    struct element *target;
    struct str name, value; /* both in one allocation, `text` */
    char *text;
    unsigned running; /* so many times: what is called may come back to it */
    bool dropped;     /* while it ran: what is called may replace it */
};

struct call *call_new(struct element *e, struct str text)
{
    struct str rest = text, name = str_word(&rest), elem, handler;
    struct hcall c = {0};
    enum handler_status status;
    struct element *target = NULL;
    struct call *call;

    if (handler_split(name, &elem, &handler)) {
        target = handler_element(e->router, e->name, elem);
        if (!target)
            return NULL;
        handler_call(target, handler, &c, true, &status);
        if (status != HANDLER_OK)
            return NULL;
    } else if (!str_is(name, "stop")) {
        return NULL;
    }
    call = calloc(1, sizeof(*call));
    if (!call)
        return NULL;
    call->text = str_dup(text);
    if (!call->text) {
        free(call);
        return NULL;
    }
    call->target = target;
    call->name.len = name.len - (target ? elem.len + 1 : 0);
    call->name.s = call->text + (name.s - text.s) + (target ? elem.len + 1 : 0);
    call->value = (struct str){call->text + (rest.s - text.s), rest.len};
    return call;
}

void call_free(struct call *c)
{
    if (c && c->running) {
        c->dropped = true;
        return;
    }
    if (c)
        free(c->text);
    free(c);
}

struct str call_text(const struct call *c)
{
    return str_of(c->text);
}

void call_run(struct call *call, struct element *e)
{
    struct errs errs = {.src = call->value};
    struct hcall c = {.arg = call->value, .errs = &errs};
    enum handler_status status;

    if (!call->target) {
        router_stop(e->router);
        return;
    }
    call->running++;
    handler_call(call->target, call->name, &c, true, &status);
    call->running--;
    if (status != HANDLER_OK)
        element_log(e, "calling %s failed: %s", call->text, errs.out.s ? errs.out.s : "");
    text_free(&errs.out);
    if (call->dropped)
        call_free(call);
}
