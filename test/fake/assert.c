/* SPDX-License-Identifier: BSD-2-Clause */
/* A failed assert ends the guest, as in the guest's C library. */
#include <assert.h>

#include <sprat/port.h>

void __assert_fail(const char *expression, const char *file, unsigned line, const char *function)
{
    port_panic("assertion failed: %s, in %s at %s:%u", expression, function, file, line);
}
