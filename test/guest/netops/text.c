/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses as texts. */
#include "netops.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PIECES_MAX 12

static void some_text(char *text)
{
    static const char *const pieces[] = {
        "0",    "1",    "10",   "127",   "255", "256", "010",     "0x1f", ":", "::", ".",  ".", ".",
        "ffff", "fe80", "abcd", "12345", ":",   ":",   "::ffff:", "%lo",  " ", "/",  "08", "-1"};
    size_t n = (size_t)(1 + below(PIECES_MAX));

    *text = '\0';
    for (; n; n--)
        strcat(text, pieces[below(sizeof(pieces) / sizeof(pieces[0]))]);
}

/* One that is right, mostly. */
static void likely_text(char *text)
{
    *text = '\0';
    if (below(2)) {
        for (int part = 0; part < 4; part++)
            sprintf(text + strlen(text), "%s%u", part ? "." : "", (unsigned)below(260));
        return;
    }
    for (int part = 0; part < 8; part++)
        sprintf(text + strlen(text), "%s%x", part ? ":" : "",
                below(3) ? 0u : (unsigned)below(0x10010));
}

void do_text(void)
{
    char text[PIECES_MAX * 8], back[INET6_ADDRSTRLEN];
    struct in_addr in;
    unsigned char address[16] = {0};
    socklen_t room = (socklen_t)(below(4) ? sizeof(back) : below(sizeof(back)));

    if (below(2))
        some_text(text);
    else
        likely_text(text);
    in.s_addr = 0;
    int known = inet_aton(text, &in);
    tell(known, "aton \"%s\" %08x", text, known ? ntohl(in.s_addr) : 0);
    known = inet_pton(AF_INET, text, address);
    tell(known, "pton4 \"%s\" %s", text,
         known == 1 && inet_ntop(AF_INET, address, back, sizeof(back)) ? back : "");
    memset(address, 0, sizeof(address));
    known = inet_pton(AF_INET6, text, address);
    tell(known, "pton6 \"%s\" %016" PRIx64, text, hash_of(address, sizeof(address)));
    /* Words of zeros and others. */
    for (size_t at = 0; at < sizeof(address); at++)
        address[at] = below(3) ? 0 : (unsigned char)below(256);
    /* Others write the last two groups as an address of IPv4 where all before are 0. */
    address[0] = 0x20;
    if (below(4) == 0)
        memcpy(address, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
    const char *made = inet_ntop(below(4) ? AF_INET6 : AF_INET, address, back, room);
    tell(made ? 0 : -1, "ntop %u %s", (unsigned)room, made ? made : "");
}
