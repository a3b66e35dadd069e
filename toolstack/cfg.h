/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * The syntax of xl's configuration files: lines "key = value", where a value is a number, a string
 * in quotes or a list. What the keys mean is config.h's business. Source: xl.cfg(5), xlcfg syntax.
 */
#ifndef SPRAT_TOOLSTACK_CFG_H
#define SPRAT_TOOLSTACK_CFG_H

#include <stddef.h>
#include <stdint.h>

#include "fail.h"

enum cfg_type { CFG_NUMBER, CFG_STRING, CFG_LIST };

struct cfg_value {
    enum cfg_type type;
    unsigned line, column; /* where it begins, from 1 */
    int64_t number;
    char *string; /* unescaped, without NUL bytes inside */
    struct cfg_value *items;
    size_t n_items;
};

struct cfg_setting {
    char *key;
    unsigned line, column;
    struct cfg_value value;
};

struct cfg {
    struct cfg_setting *settings; /* in the file's order; a key occurs once */
    size_t n_settings;
};

/**
 * Parse a file's text.
 *
 * @param cfg  to be given to cfg_free(), also after a failure.
 * @return 0, -EINVAL with "LINE:COLUMN: what is wrong" in `fail`, or -ENOMEM.
 */
int cfg_parse(struct cfg *cfg, const char *text, size_t len, struct fail *fail);

void cfg_free(struct cfg *cfg);

#endif
