/* SPDX-License-Identifier: BSD-2-Clause */
/* What all tests here begin with. */
#ifndef SPRAT_TEST_TOOLSTACK_CHECK_H
#define SPRAT_TEST_TOOLSTACK_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fail.h"

static inline void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in: %s", part, text);
}

#endif
