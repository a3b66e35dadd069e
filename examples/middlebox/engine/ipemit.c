/* SPDX-License-Identifier: BSD-2-Clause */
/* Compiling patterns into tests, from the last one to the first. */
#include "ipexpr_tree.h"

static target_t test_place(struct cbuilder *b, const struct place *p, uint32_t mask, uint32_t value,
                           target_t yes, target_t no)
{
    return cbuilder_test(b, p->base, p->off, mask << p->shift, value << p->shift, yes, no);
}

/* number > value, bit by bit from the left; runs of equal bits make one test. Built from
 * the right. */
static target_t emit_greater(struct cbuilder *b, const struct place *p, uint32_t mask,
                             uint32_t value, target_t yes, target_t no)
{
    target_t t = no; /* all equal: not greater */

    for (unsigned i = 0; i < p->bits;) {
        uint32_t run = 0, whole = 0;
        bool ones = value >> i & 1;

        for (; i < p->bits && (value >> i & 1) == ones; i++)
            whole |= 1u << i;
        run = mask & whole;
        if (ones && run != whole) { /* the value has a bit that the masked number cannot have */
            t = no;
            continue;
        }
        if (ones)
            t = test_place(b, p, run, run, t, no);
        else
            t = run ? test_place(b, p, run, 0, t, yes) : t;
    }
    return t;
}

static target_t emit_number(const struct prim *x, struct cbuilder *b, const struct place *p,
                            target_t yes, target_t no)
{
    uint32_t all = p->bits == 32 ? 0xffffffff : (1u << p->bits) - 1;
    uint32_t mask = x->has_mask ? x->mask & all : all;
    target_t swap;

    if (x->type == TYPE_TCPOPT)
        mask = x->mask;
    switch ((enum relation)x->relation) {
    case REL_NE:
        swap = yes, yes = no, no = swap;
        /* fall through */
    case REL_EQ:
        if (x->value & ~mask)
            return no;
        return test_place(b, p, mask, x->value, yes, no);
    case REL_LE:
        swap = yes, yes = no, no = swap;
        /* fall through */
    case REL_GT:
        return emit_greater(b, p, mask, x->value, yes, no);
    case REL_LT:
        swap = yes, yes = no, no = swap;
        /* fall through */
    case REL_GE:
        return x->value ? emit_greater(b, p, mask, x->value - 1, yes, no) : yes;
    }
    return no;
}

/* One side (source or destination) of an address or port. */
static target_t emit_side(const struct prim *x, struct cbuilder *b, bool dst, target_t yes,
                          target_t no)
{
    struct place port = {BASE_TRANSPORT, dst ? 0 : 16, 16, 0};
    const uint8_t *e = x->ether;

    switch (x->type) {
    case TYPE_HOST:
    case TYPE_NET:
        return cbuilder_test(b, BASE_NET, dst ? 16 : 12, be32_to_host(x->mask),
                             be32_to_host(x->value), yes, no);
    case TYPE_ETHERHOST:
        if (dst) {
            yes =
                cbuilder_test(b, BASE_MAC, 4, 0xffff0000, (uint32_t)get_be16(e + 4) << 16, yes, no);
            return cbuilder_test(b, BASE_MAC, 0, 0xffffffff, get_be32(e), yes, no);
        }
        yes = cbuilder_test(b, BASE_MAC, 8, 0xffffffff, get_be32(e + 2), yes, no);
        return cbuilder_test(b, BASE_MAC, 4, 0xffff, get_be16(e), yes, no);
    default:
        return emit_number(x, b, &port, yes, no);
    }
}

static target_t emit_sides(const struct prim *x, struct cbuilder *b, target_t yes, target_t no)
{
    bool negative = x->relation == REL_NE && x->type != TYPE_PORT;
    target_t t;

    if (negative) { /* "!=" of addresses negates the whole */
        t = yes;
        yes = no;
        no = t;
    }
    switch (x->dir) {
    case DIR_SRC:
        return emit_side(x, b, false, yes, no);
    case DIR_DST:
        return emit_side(x, b, true, yes, no);
    case DIR_BOTH:
        t = emit_side(x, b, true, yes, no);
        return emit_side(x, b, false, t, no);
    default:
        t = emit_side(x, b, true, yes, no);
        return emit_side(x, b, false, yes, t);
    }
}

/* What must hold before transport fields mean anything: the protocol, and a first fragment. */
static target_t emit_transport(const struct prim *x, struct cbuilder *b, target_t yes, target_t no)
{
    yes = cbuilder_test(b, BASE_NET, 4, IP_OFFMASK, 0, yes, no);
    if (x->proto == PROTO_TCPUDP) {
        target_t udp = cbuilder_test(b, BASE_NET, 8, 0xff0000, IPPROTO_UDP << 16, yes, no);

        return cbuilder_test(b, BASE_NET, 8, 0xff0000, IPPROTO_TCP << 16, yes, udp);
    }
    if (x->proto >= 0)
        return cbuilder_test(b, BASE_NET, 8, 0xff0000, (uint32_t)x->proto << 16, yes, no);
    return yes;
}

static target_t emit_primitive(const struct prim *x, struct cbuilder *b, target_t yes, target_t no)
{
    switch ((enum type)x->type) {
    case TYPE_HOST:
    case TYPE_NET:
    case TYPE_ETHERHOST:
        yes = emit_sides(x, b, yes, no);
        if (x->type != TYPE_ETHERHOST && x->proto >= 0) /* "tcp src host ..." */
            yes = cbuilder_test(b, BASE_NET, 8, 0xff0000, (uint32_t)x->proto << 16, yes, no);
        return yes;
    case TYPE_PORT:
        return emit_transport(x, b, emit_sides(x, b, yes, no), no);
    case TYPE_FRAG:
        return cbuilder_test(b, BASE_NET, 4, IP_MF | IP_OFFMASK, 0, no, yes);
    case TYPE_UNFRAG:
        return cbuilder_test(b, BASE_NET, 4, IP_MF | IP_OFFMASK, 0, yes, no);
    case TYPE_ECT: /* ECN bits 01 or 10 */
        no = cbuilder_test(b, BASE_NET, 0, 0x30000, 0x20000, yes, no);
        return cbuilder_test(b, BASE_NET, 0, 0x30000, 0x10000, yes, no);
    case TYPE_CE:
        return cbuilder_test(b, BASE_NET, 0, 0x30000, 0x30000, yes, no);
    default:
        yes = emit_number(x, b, &x->place, yes, no);
        return x->place.base == BASE_TRANSPORT ? emit_transport(x, b, yes, no) : yes;
    }
}

target_t ipexpr_emit(const struct ipexpr *x, struct cbuilder *b, target_t yes, target_t no)
{
    target_t t;

    switch ((enum op)x->op) {
    case OP_TRUE:
        return yes;
    case OP_FALSE:
        return no;
    case OP_TEST:
        return emit_primitive(&x->prim, b, yes, no);
    case OP_NOT:
        return ipexpr_emit(x->first, b, no, yes);
    case OP_AND:
        for (const struct ipexpr *i = x->first; i; i = i->next)
            yes = ipexpr_emit(i, b, yes, no);
        return yes;
    case OP_OR:
        for (const struct ipexpr *i = x->first; i; i = i->next)
            no = ipexpr_emit(i, b, yes, no);
        return no;
    case OP_CHOICE:
        t = ipexpr_emit(x->first->next, b, yes, no);
        no = ipexpr_emit(x->first->next->next, b, yes, no);
        return ipexpr_emit(x->first, b, t, no);
    }
    return no;
}
