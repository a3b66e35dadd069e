/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The input is what xenstored does, one thing at a time, while the guest asks. The source is
 * included, so that its state can be made new for each input.
 */
#include "../../xen/xenstore.c"
#include "../../xen/xswire.c"

#include <stdio.h>

#include "fuzz.h"
#include "machine.h"
#include "port.h"
#include "world.h"

#define PORT     1
#define ASKS_MAX 12
#define N_PATHS  3

static struct {
    struct fuzz fuzz;
    struct xenstore_domain_interface *ring;
    struct xenstore_watch watches[N_PATHS];
    bool watched[N_PATHS];
} world;

static void watch_fired(struct xenstore_watch *watch, const char *changed)
{
    fuzz_check(watch >= world.watches && watch < world.watches + N_PATHS);
    fuzz_check(strlen(changed) <= XENSTORE_PAYLOAD_MAX);
}

static void say(const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        world.ring->rsp[MASK_XENSTORE_IDX(world.ring->rsp_prod++)] = ((const char *)bytes)[i];
}

/* A message that is right in most ways. */
static void say_message(void)
{
    static const char *const words[] = {"ENOENT", "EAGAIN", "E2BIG", "EWHAT", "data", "42", "1"};
    static const uint32_t types[] = {XS_READ,        XS_WRITE, XS_DIRECTORY,         XS_ERROR,
                                     XS_WATCH_EVENT, XS_WATCH, XS_TRANSACTION_START, XS_UNWATCH};
    struct xsd_sockmsg header = {.type = types[fuzz_byte(&world.fuzz) % ARRAY_LEN(types)]};
    char payload[64];
    uint8_t how = fuzz_byte(&world.fuzz);
    size_t len = 0;

    header.req_id = how & 1 ? wire.next_id - (how >> 1 & 3) : fuzz_number(&world.fuzz);
    if (how & 8)
        header.type = fuzz_number(&world.fuzz);
    for (unsigned i = how >> 4 & 3; i; i--)
        len += (size_t)sprintf(payload + len, "%s", words[fuzz_byte(&world.fuzz) % 7]) + 1;
    if (how & 64 && len)
        len--;
    header.len = how & 128 ? fuzz_number(&world.fuzz) : (uint32_t)len;
    say(&header, sizeof(header));
    say(payload, len);
}

/* One thing that xenstored does. The guest does not see it before its event. */
static bool act(void *arg)
{
    char bytes[256];

    (void)arg;
    if (!world.fuzz.left)
        return false;
    switch (fuzz_byte(&world.fuzz) % 8) {
    case 0:
    case 1:
        say_message();
        break;
    case 2:
        say(bytes, fuzz_bytes(&world.fuzz, bytes, fuzz_byte(&world.fuzz)));
        break;
    case 3:
        world.ring->req_cons = world.ring->req_prod;
        break;
    case 4:
        world.ring->req_cons += fuzz_number(&world.fuzz);
        break;
    case 5:
        world.ring->rsp_prod += fuzz_number(&world.fuzz);
        break;
    default:
        fake_evtchn_raise(PORT);
    }
    return true;
}

static void ask_something(void)
{
    char value[128];
    uint64_t number;
    xenstore_tx_t tx;
    uint8_t how = fuzz_byte(&world.fuzz);
    unsigned at = how >> 4 & 1;
    struct xenstore_watch *watch = &world.watches[at];
    int n;

    switch (how & 7) {
    case 0:
        n = xenstore_read(how, "data", value, sizeof(value));
        fuzz_check(n < (int)sizeof(value) && (n < 0 || value[n] == '\0'));
        break;
    case 1:
        xenstore_read_u64(how, "data", &number);
        break;
    case 2:
        n = xenstore_list(how, "data", value, sizeof(value));
        for (const char *name = NULL; n > 0 && (name = xenstore_next_name(value, (size_t)n, name));)
            fuzz_check(name + strlen(name) < value + n);
        break;
    case 3:
        if (xenstore_begin(&tx) == 0)
            fuzz_check(tx != XENSTORE_NO_TX && xenstore_end(tx, 1) <= 0);
        break;
    case 4:
        if (!world.watched[at])
            world.watched[at] = xenstore_watch(watch) == 0;
        break;
    case 5:
        if (world.watched[at])
            xenstore_unwatch(watch);
        world.watched[at] = false;
        break;
    case 6:
        memset(value, 'x', sizeof(value) - 1);
        value[sizeof(value) - 1] = '\0';
        xenstore_write(how, "data", value);
        break;
    default:
        if (!world.watched[2])
            world.watched[2] = xenstore_watch_async(&world.watches[2]) == 0;
    }
}

static void start(void)
{
    static struct fake_actor xenstored = {.step = act, .due_ns = FAKE_NEVER};

    if (!world.ring) {
        fake_build(&(struct fake_guest){.no_xenstore = true});
        world.ring = fake_xenstore_page();
        fake_actor_add(&xenstored);
    }
    memset(world.ring, 0, sizeof(*world.ring));
    memset(world.watched, 0, sizeof(world.watched));
    memset(&wire, 0, sizeof(wire));
    watches = NULL;
    last_token = 0;
    for (unsigned i = 0; i < N_PATHS; i++)
        world.watches[i] = (struct xenstore_watch){.path = "data", .handler = watch_fired};
    fake_log_clear();
    fake_evtchn_make(PORT, NULL, NULL);
    fuzz_check(xenstore_init(world.ring, PORT) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    start();
    world.fuzz = (struct fuzz){data, size};
    for (int i = 0; i < ASKS_MAX && world.fuzz.left; i++)
        ask_something();
    fault("end of input"); /* gives back what nobody answered */
    fuzz_check(fake_n_blocks() == 0);
    fuzz_check(!wire.to_send.first && !wire.awaited.first);
    evtchn_close(&wire.channel);
    return 0;
}
