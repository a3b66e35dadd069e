/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions to guests that answer through xenstore. */
#ifndef LAB_DOMAIN_ASK_H
#define LAB_DOMAIN_ASK_H

#include "guest.h"

/** Ask a guest what stdin holds; print its answer. @return the exit code. */
int command_ask(const char *name, int timeout_s);

#endif
