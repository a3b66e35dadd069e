/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * <sprat/mmu.h>, <sprat/arch.h> and <sprat/cpu.h> of the host. The guest's memory is a mapping of
 * this process; what the guest has not mapped, or protects, is protected here too.
 */
#include "machine.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <sanitizer/asan_interface.h>

#include <xen/xen.h>

#include <sprat/arch.h>
#include <sprat/compiler.h>
#include <sprat/cpu.h>
#include <sprat/mmu.h>

#include "hypervisor.h"
#include "world.h"

#define DEFAULT_PAGES  1024
#define DEFAULT_MAPPED 256
#define DEFAULT_IMAGE  16
#define TABLE_PAGES    512 /* what one page table maps */
#define PAGES_MAX      (1ul << 20)
#define FIRST_MFN      0x100000 /* and downwards, so that nobody takes a pfn for an mfn */
#define XENSTORE_PORT  1
#define CONSOLE_PORT   2

enum page_state { PAGE_UNMAPPED, PAGE_NONE, PAGE_READ_ONLY, PAGE_READ_WRITE };

static struct {
    char *memory;
    size_t n_pages, n_mapped, n_tables;
    unsigned char state[PAGES_MAX];
    unsigned char has_table[PAGES_MAX / TABLE_PAGES + 1];
    pfn_t start_info, store, console;
    unsigned maps, maps_fail_at, protects, protects_fail_at;
    int map_error, protect_error;
    unsigned n_shared;
    uint64_t random;
} machine;

struct cpu_local cpu_local = {.self = &cpu_local};

static void set_state(pfn_t pfn, enum page_state state)
{
    static const int prot[] = {[PAGE_UNMAPPED] = PROT_NONE,
                               [PAGE_NONE] = PROT_NONE,
                               [PAGE_READ_ONLY] = PROT_READ,
                               [PAGE_READ_WRITE] = PROT_READ | PROT_WRITE};

    machine.state[pfn] = (unsigned char)state;
    if (mprotect(machine.memory + pfn * PAGE_BYTES, PAGE_BYTES, prot[state]))
        fake_fail("mprotect: %s", strerror(errno));
}

static mfn_t mfn_of(pfn_t pfn)
{
    return FIRST_MFN + PAGES_MAX - pfn;
}

static void allocate(size_t n_pages, size_t n_mapped)
{
    /* Aligned as the guest's is: to 1 MiB, no more. */
    size_t align = 4096 * PAGE_BYTES, base = 3 * 256 * PAGE_BYTES;
    char *memory = mmap(NULL, n_pages * PAGE_BYTES + align + base, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED || n_pages > PAGES_MAX)
        fake_fail("no memory for the guest: %s", strerror(errno));
    machine.memory = (char *)ROUND_UP((uintptr_t)memory, align) + base;
    machine.n_pages = n_pages;
    machine.n_mapped = n_mapped;
    mprotect(machine.memory, n_mapped * PAGE_BYTES, PROT_READ | PROT_WRITE);
    memset(machine.memory, 0x5a, n_mapped * PAGE_BYTES); /* nothing is zeroed for the guest */
    memset(machine.state, PAGE_READ_WRITE, n_mapped);
    memset(machine.has_table, 1, ROUND_UP(n_mapped, TABLE_PAGES) / TABLE_PAGES);
}

void fake_build(const struct fake_guest *guest)
{
    size_t n_pages = guest->n_pages ? guest->n_pages : DEFAULT_PAGES;
    size_t n_mapped = guest->n_mapped ? guest->n_mapped : DEFAULT_MAPPED;
    pfn_t next = guest->n_image ? guest->n_image : DEFAULT_IMAGE;
    bool last = guest->rings_last;

    hypervisor_reset();
    allocate(n_pages, n_mapped < n_pages ? n_mapped : n_pages);
    pfn_t tables = last ? next + 1 : next + 3;
    machine.start_info = next;
    machine.store = last ? tables + 4 : next + 1;
    machine.console = machine.store + 1;

    struct start_info *si = fake_start_info();
    memset(si, 0, PAGE_BYTES);
    strcpy(si->magic, "xen-3.0-x86_64");
    si->nr_pages = n_pages;
    si->pt_base = (unsigned long)mmu_va(tables);
    si->nr_pt_frames = 4;
    if (guest->cmdline)
        strncpy((char *)si->cmd_line, guest->cmdline, sizeof(si->cmd_line) - 1);
    fake_set_now(FAKE_START_NS);
    shared_info.wc_version = 2;
    shared_info.wc_sec = 1700000000;
    memset(mmu_va(machine.store), 0, 2 * PAGE_BYTES);
    if (!guest->no_xenstore) {
        si->store_mfn = mfn_of(machine.store);
        si->store_evtchn = XENSTORE_PORT;
        xenstored_start(fake_xenstore_page(), XENSTORE_PORT);
    }
    if (!guest->no_console) {
        si->console.domU.mfn = mfn_of(machine.console);
        si->console.domU.evtchn = CONSOLE_PORT;
        consoled_start(fake_console_page(), CONSOLE_PORT);
    }
}

bool fake_built(void)
{
    return machine.memory;
}

struct start_info *fake_start_info(void)
{
    return mmu_va(machine.start_info);
}

struct xenstore_domain_interface *fake_xenstore_page(void)
{
    return mmu_va(machine.store);
}

struct xencons_interface *fake_console_page(void)
{
    return mmu_va(machine.console);
}

static enum page_state state_at(uintptr_t address)
{
    pfn_t pfn = (address - (uintptr_t)machine.memory) / PAGE_BYTES;
    return machine.memory && pfn < machine.n_pages ? machine.state[pfn] : PAGE_UNMAPPED;
}

bool fake_readable(uintptr_t address)
{
    return state_at(address) >= PAGE_READ_ONLY;
}

bool fake_writable(uintptr_t address)
{
    return state_at(address) == PAGE_READ_WRITE;
}

uintptr_t fake_stack_bottom(uintptr_t top)
{
    uintptr_t bottom = top;
    while (fake_writable(bottom - 1))
        bottom = (bottom - 1) & ~(PAGE_BYTES - 1);
    return bottom == top ? 0 : bottom;
}

unsigned fake_n_shared(void)
{
    return machine.n_shared;
}

size_t fake_n_tables(void)
{
    return machine.n_tables;
}

void fake_map_fails(unsigned after, int error)
{
    machine.maps_fail_at = machine.maps + after + 1;
    machine.map_error = error;
}

void fake_protect_fails(unsigned after, int error)
{
    machine.protects_fail_at = machine.protects + after + 1;
    machine.protect_error = error;
}

/* <sprat/mmu.h> */

pfn_t mmu_first_unmapped(void)
{
    return machine.n_mapped;
}

void *mmu_va(pfn_t pfn)
{
    return machine.memory + pfn * PAGE_BYTES;
}

pfn_t mmu_pfn(const void *va)
{
    return ((uintptr_t)va - (uintptr_t)machine.memory) / PAGE_BYTES;
}

mfn_t mmu_mfn(const void *va)
{
    pfn_t pfn = mmu_pfn(va);
    if (pfn >= machine.n_pages)
        fake_fail("%p is not in the guest's memory", va);
    return mfn_of(pfn);
}

pfn_t mmu_pfn_of_mfn(mfn_t mfn)
{
    return FIRST_MFN + PAGES_MAX - mfn;
}

int mmu_map(pfn_t first, size_t count, void *(*new_table)(void))
{
    if (first % 64 || count > 64 || !count || first + count > machine.n_pages)
        fake_fail("mmu_map(%lu, %zu) breaks its contract", first, count);
    if (machine.maps++ + 1 >= machine.maps_fail_at && machine.maps_fail_at)
        return machine.map_error;
    if (!machine.has_table[first / TABLE_PAGES]) {
        void *table = new_table();
        if (!table)
            return -ENOMEM;
        if (!fake_writable((uintptr_t)table))
            fake_fail("mmu_map() was given a page table that is not mapped");
        set_state(mmu_pfn(table), PAGE_READ_ONLY);
        machine.has_table[first / TABLE_PAGES] = 1;
        machine.n_tables++;
    }
    for (pfn_t pfn = first; pfn < first + count; pfn++) {
        if (machine.state[pfn] != PAGE_UNMAPPED)
            fake_fail("page %lu is mapped a second time", pfn);
        set_state(pfn, PAGE_READ_WRITE);
        memset(mmu_va(pfn), 0x5a, PAGE_BYTES);
    }
    return 0;
}

/* What a thread leaves on its stack when it ends, ASan still holds for variables. */
static void forget_stack(pfn_t first)
{
    pfn_t end = first;

    while (end < machine.n_pages && machine.state[end] == PAGE_READ_WRITE && end < first + 64)
        end++;
    ASAN_UNPOISON_MEMORY_REGION(mmu_va(first), (end - first) * PAGE_BYTES);
}

int mmu_protect(void *va, enum mmu_access access)
{
    static const enum page_state states[] = {[MMU_NONE] = PAGE_NONE,
                                             [MMU_READ_ONLY] = PAGE_READ_ONLY,
                                             [MMU_READ_WRITE] = PAGE_READ_WRITE};

    if (state_at((uintptr_t)va) == PAGE_UNMAPPED)
        fake_fail("mmu_protect() of a page that is not mapped");
    if (machine.protects++ + 1 >= machine.protects_fail_at && machine.protects_fail_at)
        return machine.protect_error;
    if (state_at((uintptr_t)va) == PAGE_NONE)
        forget_stack(mmu_pfn(va) + 1);
    set_state(mmu_pfn(va), states[access]);
    return 0;
}

void *mmu_map_shared(unsigned slot, mfn_t mfn)
{
    if (slot >= MMU_SHARED_SLOTS)
        fake_fail("there is no slot %u for a shared page", slot);
    if (hypervisor_call(__HYPERVISOR_update_va_mapping, 0))
        return NULL;
    machine.n_shared++;
    return gnttab_frame(mfn);
}

void mmu_unmap_shared(unsigned slot)
{
    if (slot >= MMU_SHARED_SLOTS)
        fake_fail("there is no slot %u for a shared page", slot);
    machine.n_shared--;
}

/* Besides the guest's memory: this process's stack and code, which the guest runs on here. */
struct mmu_rights mmu_rights(unsigned long va)
{
    extern const char __executable_start[], etext[], main_stack[], main_stack_top[];

    if (fake_readable(va))
        return (struct mmu_rights){true, fake_writable(va), false};
    if (va >= (unsigned long)main_stack && va < (unsigned long)main_stack_top)
        return (struct mmu_rights){true, true, false};
    if (va >= (unsigned long)__executable_start && va < (unsigned long)etext)
        return (struct mmu_rights){true, false, true};
    return (struct mmu_rights){false, false, false};
}

/* <sprat/arch.h> */

const struct start_info *arch_start_info(void)
{
    return fake_start_info();
}

uint64_t arch_first_tick(void)
{
    return 0;
}

/* <sprat/cpu.h> */

void fake_random(uint64_t value)
{
    machine.random = value;
}

bool cpu_random(uint64_t *out)
{
    *out = machine.random;
    return machine.random != 0;
}

void cpu_seed_canary(uint64_t seed)
{
    cpu_local.canary = seed & ~0xffull;
}
