/* SPDX-License-Identifier: BSD-2-Clause */
/** @file Handlers, for those that call them. */
#ifndef SPRAT_MIDDLEBOX_HANDLER_H
#define SPRAT_MIDDLEBOX_HANDLER_H

#include "element.h"
#include "router.h"

/** Configure a CLASS_LIVE element anew; a wrong text changes nothing. 0 or -1. */
int element_reconfigure(struct element *e, struct str text, struct errs *errs);

/**
 * Call a handler of an element. With neither c->out nor c->errs it only tells whether it is there.
 *
 * @return 0, or -1 with the kind of failure in *status.
 */
int handler_call(struct element *e, struct str name, struct hcall *c, bool write,
                 enum handler_status *status);

/** The element that a handler's name means, by name (as seen from `from`) or number; or NULL. */
struct element *handler_element(const struct router *r, const char *from, struct str name);

/** "element.handler": cut at the last dot. False: there is no dot. */
bool handler_split(struct str name, struct str *elem, struct str *handler);

#endif
