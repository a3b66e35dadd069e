/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that means harm to whoever serves its xenstore. It has nothing of the runtime's, which
 * would not let it: Xen starts it here. The first letter of its command line says what it does, for
 * ever, in bursts; it says on its console when the first ones are through.
 *
 *     garbage   headers of any length and type
 *     indices   that run away, of both directions
 *     deaf      requests that are right, of whose answers it reads none
 *     many      transactions, watches and nodes without end, whatever the answer is
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

#include <xen/elfnote.h>
#include <xen/event_channel.h>
#include <xen/io/console.h>
#include <xen/io/xs_wire.h>
#include <xen/sched.h>

#define BASE       0x700000 /* a guest of 1 MiB fits: what Xen maps at first ends at 8 MiB */
#define PAGE       4096
#define BURST      64
#define BURSTS     20
#define PAUSE_NS   10000000
#define STRING_(x) #x
#define STRING(x)  STRING_(x)

/* The ELF notes that Xen asks for, and the entry: start_info is in rsi. */
#define NOTE(type, content) ".long 4, 8, " STRING(type) "\n.asciz \"Xen\"\n" content "\n.balign 4\n"
__asm__(".pushsection .note.Xen, \"a\", @note\n" NOTE(XEN_ELFNOTE_XEN_VERSION, ".asciz \"xen-3.0\"")
            NOTE(XEN_ELFNOTE_LOADER,
                 ".asciz \"generic\"") NOTE(XEN_ELFNOTE_VIRT_BASE,
                                            ".quad " STRING(BASE)) NOTE(XEN_ELFNOTE_PADDR_OFFSET,
                                                                        ".quad " STRING(BASE))
                NOTE(XEN_ELFNOTE_ENTRY,
                     ".quad _start") ".popsection\n"
                                     ".globl _start\n_start: mov %rsi, %rdi\ncall nuisance\nud2\n");

static struct vcpu_time_info *volatile now;
static struct xenstore_domain_interface *store;
static uint32_t port;
static uint64_t random_state = 88172645463325252;
static char shared_page[PAGE] __attribute__((aligned(PAGE)));

void nuisance(const struct start_info *info) __attribute__((noreturn));

static long hypercall(long number, uintptr_t one, uintptr_t two, uintptr_t three)
{
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result), "+D"(one), "+S"(two), "+d"(three)
                     : "a"(number)
                     : "rcx", "r8", "r9", "r10", "r11", "memory");
    return result;
}

/* The page with a machine frame that start_info names. */
static void *page_of(const struct start_info *info, uint64_t mfn)
{
    const uint64_t *mfns = (const uint64_t *)info->mfn_list;
    for (uint64_t i = 0; i < info->nr_pages; i++)
        if (mfns[i] == mfn)
            return (void *)(BASE + i * PAGE);
    __builtin_trap();
}

static uint32_t any(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 16);
}

static uint64_t now_ns(void)
{
    uint64_t ticks = __builtin_ia32_rdtsc() - now->tsc_timestamp;
    ticks = now->tsc_shift < 0 ? ticks >> -now->tsc_shift : ticks << now->tsc_shift;
    return now->system_time + (uint64_t)((unsigned __int128)ticks * now->tsc_to_system_mul >> 32);
}

/* Ring, and let the others have the CPU. */
static void ring_and_pause(void)
{
    struct evtchn_send send = {.port = port};
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (uintptr_t)&send, 0);
    struct sched_poll poll = {.timeout = now_ns() + PAUSE_NS};
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, (uintptr_t)&poll, 0);
}

static void put(const void *bytes, size_t len)
{
    uint32_t prod = store->req_prod;
    for (size_t i = 0; i < len; i++)
        store->req[MASK_XENSTORE_IDX(prod + i)] = ((const char *)bytes)[i];
    __atomic_store_n(&store->req_prod, prod + (uint32_t)len, __ATOMIC_RELEASE);
}

/* Ask, if there is room. */
static void ask(uint32_t type, uint32_t tx, const char *payload, size_t len)
{
    struct xsd_sockmsg header = {.type = type, .tx_id = tx, .len = (uint32_t)len};
    uint32_t used = store->req_prod - __atomic_load_n(&store->req_cons, __ATOMIC_ACQUIRE);
    if (used + sizeof(header) + len > XENSTORE_RING_SIZE)
        return;
    put(&header, sizeof(header));
    put(payload, len);
}

static void garbage(void)
{
    struct xsd_sockmsg header = {
        .type = any() % 32, .req_id = any(), .tx_id = any() % 4, .len = any() >> any() % 32};
    put(&header, sizeof(header));
}

static void indices(void)
{
    store->req_prod = any();
    store->rsp_cons = any();
    store->rsp_prod = any();
}

static void many(void)
{
    char path[] = "data/aaaaa\0token-aaaaa";
    for (int i = 0; i < 5; i++)
        path[5 + i] = path[17 + i] = (char)('a' + any() % 26);
    switch (any() % 4) {
    case 0:
        ask(XS_TRANSACTION_START, 0, "", 1);
        break;
    case 1:
        ask(XS_WATCH, 0, path, sizeof(path));
        break;
    case 2:
        ask(XS_WRITE, any() % 64, path, sizeof(path));
        break;
    default:
        ask(XS_READ, 0, "name", 5);
    }
}

static void say(struct xencons_interface *console, const char *text)
{
    for (; *text; text++)
        console->out[MASK_XENCONS_IDX(console->out_prod++, console->out)] = *text;
}

void nuisance(const struct start_info *info)
{
    char how = (char)info->cmd_line[0];
    uint64_t shared = info->shared_info | 0x67; /* present, writable, user, accessed, dirty */
    hypercall(__HYPERVISOR_update_va_mapping, (uintptr_t)shared_page, shared, UVMF_INVLPG);
    now = &((struct shared_info *)(uintptr_t)shared_page)->vcpu_info[0].time;
    store = page_of(info, info->store_mfn);
    port = info->store_evtchn;

    for (unsigned bursts = 0;; bursts++) {
        for (unsigned i = 0; i < BURST; i++) {
            if (how == 'g')
                garbage();
            else if (how == 'i')
                indices();
            else
                many();
        }
        if (how == 'm')
            store->rsp_cons = store->rsp_prod; /* the answers are all the same to it */
        ring_and_pause();
        if (bursts != BURSTS)
            continue;
        say(page_of(info, info->console.domU.mfn), "harm, from Sprat\n");
        struct evtchn_send send = {.port = info->console.domU.evtchn};
        hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (uintptr_t)&send, 0);
    }
}
