/* SPDX-License-Identifier: BSD-2-Clause */
/** @file Changing an element's configuration while it runs. */
#ifndef SPRAT_MIDDLEBOX_HANDLER_H
#define SPRAT_MIDDLEBOX_HANDLER_H

#include "element.h"

/** Configure a CLASS_LIVE element anew; a wrong text changes nothing. 0 or -1. */
int element_reconfigure(struct element *e, struct str text, struct errs *errs);

#endif
