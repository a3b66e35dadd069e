/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SYN cookies (RFC 4987, 3.6). The number that answers a request for a connection is a hash, with a
 * key, of the ends, the peer's first number, the time, and what the peer can do, of which the last
 * is in it, too. So a place in the backlog can be given to another peer (flood.c): who acknowledges
 * such a number was answered, and not long ago. lwIP is then shown the request once more, as it
 * must have been, and the acknowledgement behind it.
 *
 * Every listener's answers are cookies: which will lose their places is not known before. They are
 * looked for only for a while after one has.
 */
#include "syncookie.h"

#include <string.h>

#include "lwip/ip.h"
#include "lwip/tcp.h"

#include <sprat/clock.h>
#include <sprat/compiler.h>

#include "isn.h"
#include "net_hooks.h"
#include "options.h"

#define PERIOD_SHIFT 36 /* of ns: 69 s. A cookie is good for the rest of one, and the next */
#define GOOD_NS      (2ull << PERIOD_SHIFT)

/*
 * A cookie's low bits: which of sizes[], SACK, and the window's scale or that there is none. Those
 * above are a hash without the peer's first number, by which a segment is known that comes before
 * the first one; those at the top are one of all.
 */
#define ABILITY_BITS 7
#define ENDS_BITS    12
#define ENDS         (((1u << ENDS_BITS) - 1) << ABILITY_BITS)
#define ABILITIES    ((1u << ABILITY_BITS) - 1)
#define SIZE_BITS    3u
#define SACK_BIT     4u
#define SCALE_SHIFT  3
#define SCALE_MAX    14u /* RFC 7323 */
#define SCALE_NONE   15u

/* TCP's options' lengths, with these two bytes. */
enum { MSS_LEN = 4, SCALE_LEN = 3, SACK_LEN = 2, TIME_LEN = 10 };

/* Without the option it is the first; the others are those of IPv6's least MTU and of Ethernet. */
static const u16_t sizes[] = {536, 1220, 1440, 1460};

/* What a peer tells in its request: all options at their places, those that it has not as pads. */
struct request {
    struct tcp_hdr header;
    u8_t size[MSS_LEN], scale[1 + SCALE_LEN], sack[2 + SACK_LEN], time[2 + TIME_LEN];
};

static struct {
    uint32_t number; /* the answer's, while a request is looked at */
    bool is_answering;
    bool is_reviving; /* what comes to a listener is our own */
    bool is_muted;
    uint64_t needed_ns; /* until then, cookies may come */
} cookie;

/* @return an option's value, or NULL: it is not there, or has another length. */
static const u8_t *find_option(const struct tcp_hdr *header, u8_t kind, u8_t len)
{
    const u8_t *at = options_find(header, kind);

    return at && at[1] == len ? at + 2 : NULL;
}

static u32_t abilities_of(const struct tcp_hdr *header)
{
    const u8_t *size = find_option(header, OPTION_MSS, MSS_LEN);
    const u8_t *scale = find_option(header, OPTION_SCALE, SCALE_LEN);
    u32_t abilities = 0;

    while (size && abilities < ARRAY_LEN(sizes) - 1 &&
           (size[0] << 8 | size[1]) >= sizes[abilities + 1])
        abilities++;
    if (find_option(header, OPTION_SACK, SACK_LEN))
        abilities |= SACK_BIT;
    if (scale)
        return abilities | (*scale < SCALE_MAX ? *scale : SCALE_MAX) << SCALE_SHIFT;
    return abilities | SCALE_NONE << SCALE_SHIFT;
}

static u32_t hash(const struct tcp_hdr *header, uint64_t more)
{
    return (u32_t)isn_hash(ip_current_dest_addr(), header->dest, ip_current_src_addr(), header->src,
                           more);
}

/* @param first  the peer's first number. */
static u32_t bake(const struct tcp_hdr *header, u32_t first, u32_t abilities, uint64_t period)
{
    uint64_t more = (u32_t)period << ABILITY_BITS | abilities;
    u32_t ends = hash(header, ~more), all = hash(header, more | (uint64_t)first << 32);

    return (all & ~(ENDS | ABILITIES)) | (ends & ENDS) | abilities;
}

static uint64_t this_period(void)
{
    return clock_monotonic() >> PERIOD_SHIFT;
}

void syncookie_answer(const struct tcp_hdr *header)
{
    if (cookie.is_reviving)
        return;
    cookie.is_answering = true;
    cookie.number = bake(header, header->seqno, abilities_of(header), this_period());
}

bool syncookie_take(uint32_t *number)
{
    *number = cookie.number;
    return cookie.is_answering;
}

void syncookie_needed(void)
{
    cookie.needed_ns = clock_monotonic() + GOOD_NS;
}

bool syncookie_mutes(void)
{
    return cookie.is_muted;
}

void syncookie_end(void)
{
    cookie.is_answering = false;
}

/* @param mask  which bits must fit. */
static bool is_cookie(const struct tcp_hdr *header, u32_t mask)
{
    u32_t number = header->ackno - 1, first = header->seqno - 1;
    uint64_t period = this_period();

    return !((number ^ bake(header, first, number & ABILITIES, period)) & mask) ||
           !((number ^ bake(header, first, number & ABILITIES, period - 1)) & mask);
}

/* The request that an acknowledgement is about. */
static void remake(struct request *request, const struct tcp_hdr *header)
{
    u32_t abilities = (header->ackno - 1) & ABILITIES, scale = abilities >> SCALE_SHIFT;
    const u8_t *time = find_option(header, OPTION_TIME, TIME_LEN);
    const u16_t size = sizes[abilities & SIZE_BITS];

    memset(request, OPTION_PAD, sizeof(*request));
    request->header = (struct tcp_hdr){.src = lwip_htons(header->src),
                                       .dest = lwip_htons(header->dest),
                                       .seqno = lwip_htonl(header->seqno - 1),
                                       .wnd = lwip_htons(header->wnd)};
    TCPH_HDRLEN_FLAGS_SET(&request->header, sizeof(*request) / 4, TCP_SYN);
    memcpy(request->size, (u8_t[]){OPTION_MSS, MSS_LEN, (u8_t)(size >> 8), (u8_t)size}, MSS_LEN);
    if (scale != SCALE_NONE)
        memcpy(request->scale, (u8_t[]){OPTION_SCALE, SCALE_LEN, (u8_t)scale}, SCALE_LEN);
    if (abilities & SACK_BIT)
        memcpy(request->sack, (u8_t[]){OPTION_SACK, SACK_LEN}, SACK_LEN);
    if (time) {
        memset(request->time, 0, TIME_LEN);
        memcpy(request->time, (u8_t[]){OPTION_TIME, TIME_LEN}, 2);
        memcpy(request->time + 2, time, 4); /* its clock; of ours it knew nothing yet */
    }
}

/* As it was before lwIP took it. */
static void restore(struct tcp_hdr *header, struct pbuf *p)
{
    header->src = lwip_htons(header->src);
    header->dest = lwip_htons(header->dest);
    header->seqno = lwip_htonl(header->seqno);
    header->ackno = lwip_htonl(header->ackno);
    header->wnd = lwip_htons(header->wnd);
    pbuf_header_force(p, TCPH_HDRLEN_BYTES(header));
}

bool syncookie_revive(struct tcp_hdr *header, struct pbuf *p)
{
    if (cookie.is_reviving)
        return true; /* no place became free: the peer's data will come again, and this with it */
    if (clock_monotonic() >= cookie.needed_ns || !is_cookie(header, ENDS))
        return false;
    if (!is_cookie(header, ~0u))
        return true; /* what comes before this was lost, and will come again */
    struct pbuf *request = pbuf_alloc(PBUF_RAW, sizeof(struct request), PBUF_RAM);
    if (!request)
        return true;
    remake(request->payload, header);
    cookie.number = header->ackno - 1;
    cookie.is_answering = cookie.is_reviving = cookie.is_muted = true;
    net_tcp_input(request, ip_current_input_netif());
    cookie.is_muted = false;
    restore(header, p);
    pbuf_ref(p);
    net_tcp_input(p, ip_current_input_netif());
    cookie.is_reviving = false;
    return true;
}
