/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/evtchn.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <xen/event_channel.h>

#include <sprat/arch.h>
#include <sprat/compiler.h>
#include <sprat/cpu.h>
#include <sprat/hypercall.h>
#include <sprat/port.h>

#define WORD_BITS   (8 * sizeof(unsigned long))
#define PORTS_FIRST 32 /* Xen gives the lowest free port: few guests ever have more */

static struct {
    struct evtchn *first[PORTS_FIRST];
    struct evtchn **table; /* by port; grown when a port beyond its end is bound */
    size_t n_ports;
    bool dispatching;
} evtchn = {.table = evtchn.first, .n_ports = PORTS_FIRST};

static int table_reserve(evtchn_t port)
{
    if (port < evtchn.n_ports)
        return 0;
    size_t n_ports = ROUND_UP((size_t)port + 1, PAGE_BYTES / sizeof(struct evtchn *));
    struct evtchn **table = port_alloc(n_ports * sizeof(*table));
    if (!table)
        return -ENOMEM;
    memset(table, 0, n_ports * sizeof(*table));
    memcpy(table, evtchn.table, evtchn.n_ports * sizeof(*table));
    if (evtchn.table != evtchn.first)
        port_free(evtchn.table);
    evtchn.table = table;
    evtchn.n_ports = n_ports;
    return 0;
}

/* Xen marks an event pending whatever the mask says, but announces it only when it is not
 * masked. */
static void unmask(evtchn_t port)
{
    struct vcpu_info *vcpu = &shared_info.vcpu_info[0];
    unsigned long word = port / WORD_BITS, bit = port % WORD_BITS;

    cpu_atomic_clear_bit(&shared_info.evtchn_mask[word], bit);
    if (shared_info.evtchn_pending[word] >> bit & 1) {
        cpu_atomic_set_bit(&vcpu->evtchn_pending_sel, word);
        vcpu->evtchn_upcall_pending = 1;
    }
}

int evtchn_bind(struct evtchn *channel, evtchn_t port, void (*handler)(void *), void *arg)
{
    if (port == 0 || port >= EVTCHN_2L_NR_CHANNELS)
        return -EINVAL;
    int error = table_reserve(port);
    if (error)
        return error;
    *channel = (struct evtchn){port, handler, arg, evtchn.table[port]};
    evtchn.table[port] = channel;
    unmask(port);
    return 0;
}

static void close_port(evtchn_t port)
{
    struct evtchn_close close = {.port = port};
    hypercall_event_channel_op(EVTCHNOP_close, &close);
}

static int bind_new(struct evtchn *channel, evtchn_t port, void (*handler)(void *), void *arg)
{
    int error = evtchn_bind(channel, port, handler, arg);
    if (error)
        close_port(port);
    return error;
}

int evtchn_alloc(struct evtchn *channel, domid_t remote, void (*handler)(void *), void *arg)
{
    struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = remote};
    int error = hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc);
    return error ? error : bind_new(channel, alloc.port, handler, arg);
}

int evtchn_bind_virq(struct evtchn *channel, uint32_t virq, void (*handler)(void *), void *arg)
{
    struct evtchn_bind_virq bind = {.virq = virq, .vcpu = 0};
    int error = hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind);
    return error ? error : bind_new(channel, bind.port, handler, arg);
}

void evtchn_close(struct evtchn *channel)
{
    evtchn_t port = channel->port;

    if (!port)
        return;
    struct evtchn **at = &evtchn.table[port];
    while (*at != channel) {
        assert(*at);
        at = &(*at)->next;
    }
    *at = channel->next;
    channel->port = 0;
    if (evtchn.table[port])
        return; /* another has it too */
    cpu_atomic_set_bit(&shared_info.evtchn_mask[port / WORD_BITS], port % WORD_BITS);
    close_port(port);
    cpu_atomic_clear_bit(&shared_info.evtchn_pending[port / WORD_BITS], port % WORD_BITS);
}

void evtchn_forget_all(void)
{
    for (size_t port = 0; port < evtchn.n_ports; port++) {
        for (struct evtchn *channel = evtchn.table[port]; channel; channel = channel->next)
            channel->port = 0;
        evtchn.table[port] = NULL;
    }
}

void evtchn_notify(const struct evtchn *channel)
{
    struct evtchn_send send = {.port = channel->port};
    hypercall_event_channel_op(EVTCHNOP_send, &send);
}

/* A port is cleared before its handler runs: what comes meanwhile is announced anew. */
static void dispatch_word(unsigned long word)
{
    unsigned long pending = shared_info.evtchn_pending[word] & ~shared_info.evtchn_mask[word];

    while (pending) {
        unsigned bit = __builtin_ctzl(pending);
        evtchn_t port = word * WORD_BITS + bit;
        pending &= pending - 1;
        cpu_atomic_clear_bit(&shared_info.evtchn_pending[word], bit);
        struct evtchn *channel = port < evtchn.n_ports ? evtchn.table[port] : NULL;
        if (!channel) /* nobody's: never again */
            cpu_atomic_set_bit(&shared_info.evtchn_mask[word], bit);
        for (struct evtchn *next; channel; channel = next) {
            next = channel->next;
            channel->handler(channel->arg);
        }
    }
}

bool evtchn_dispatch(void)
{
    struct vcpu_info *vcpu = &shared_info.vcpu_info[0];

    if (!*(volatile uint8_t *)&vcpu->evtchn_upcall_pending)
        return false;
    assert(!evtchn.dispatching); /* a handler must not wait */
    evtchn.dispatching = true;
    vcpu->evtchn_upcall_pending = 0;
    unsigned long words = cpu_atomic_exchange(&vcpu->evtchn_pending_sel, 0);
    while (words) {
        unsigned long word = __builtin_ctzl(words);
        words &= words - 1;
        dispatch_word(word);
    }
    evtchn.dispatching = false;
    return true;
}
