/* SPDX-License-Identifier: BSD-2-Clause */
/** @file Variables in configuration strings. */
#ifndef SPRAT_MIDDLEBOX_EXPAND_H
#define SPRAT_MIDDLEBOX_EXPAND_H

#include "lang.h"

/** The variables of one expanded compound, and those around it. */
struct env {
    struct env *parent;
    const struct ast_compound *of;
    struct ast_var *vars; /* .value is the expanded value */
    unsigned n_vars;
};

/**
 * Replace variables and comments in `s`, a piece of `src`; quoted parts keep their quotes. False
 * when the result is too large or there is no memory.
 */
bool conf_expand(struct arena *arena, const struct env *env, struct str src, struct str s,
                 struct conf_text *out);

#endif
