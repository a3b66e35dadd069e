/* SPDX-License-Identifier: BSD-2-Clause */
#include "options.h"

#include <stddef.h>

const u8_t *options_find(const struct tcp_hdr *header, u8_t kind)
{
    const u8_t *at = (const u8_t *)(header + 1);
    const u8_t *end = (const u8_t *)header + TCPH_HDRLEN_BYTES(header);

    while (at < end && *at != OPTION_END) {
        if (*at == OPTION_PAD) {
            at++;
            continue;
        }
        if (end - at < 2 || at[1] < 2 || at[1] > end - at)
            return NULL;
        if (*at == kind)
            return at;
        at += at[1];
    }
    return NULL;
}
