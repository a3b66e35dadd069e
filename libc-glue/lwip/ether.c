/* SPDX-License-Identifier: BSD-2-Clause */
/* Ethernet's addresses as texts. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/ether.h>

#include <sprat/compiler.h>
#include <sprat/format.h>

#define TEXT_BYTES 18

SPRAT_API struct ether_addr *ether_aton_r(const char *text, struct ether_addr *address)
{
    for (unsigned i = 0; i < ETH_ALEN; i++) {
        char *end;
        if (!*text || !strchr("0123456789abcdefABCDEF", *text))
            return NULL;
        unsigned long value = strtoul(text, &end, 16);
        if (value > UINT8_MAX || end - text > 2)
            return NULL;
        if (i < ETH_ALEN - 1 && *end++ != ':')
            return NULL;
        address->ether_addr_octet[i] = (uint8_t)value;
        text = end;
    }
    return address;
}

SPRAT_API struct ether_addr *ether_aton(const char *text)
{
    static struct ether_addr address;

    return ether_aton_r(text, &address);
}

SPRAT_API char *ether_ntoa_r(const struct ether_addr *address, char *text)
{
    const uint8_t *at = address->ether_addr_octet;

    format(text, TEXT_BYTES, "%x:%x:%x:%x:%x:%x", at[0], at[1], at[2], at[3], at[4], at[5]);
    return text;
}

SPRAT_API char *ether_ntoa(const struct ether_addr *address)
{
    static char text[TEXT_BYTES];

    return ether_ntoa_r(address, text);
}
