/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's main: from arch's entry to the application's. */
#include <string.h>

#include <sprat/app.h>
#include <sprat/arch.h>
#include <sprat/clock.h>
#include <sprat/cmdline.h>
#include <sprat/compiler.h>
#include <sprat/cpu.h>
#include <sprat/format.h>
#include <sprat/heap.h>
#include <sprat/log.h>
#include <sprat/mmu.h>
#include <sprat/option.h>
#include <sprat/page.h>
#include <sprat/port.h>
#include <sprat/shutdown.h>
#include <sprat/thread.h>
#include <sprat/xenstore.h>

#define FREE_PAGES_MIN  16 /* a second thread's stack, a page of heap, and something to work with */
#define STATUS_BAD_LINE 64 /* EX_USAGE of <sysexits.h> */

static struct {
    char **words; /* "sprat.NAME=VALUE"; NULL when taken */
    size_t n;
} options;

/* What differs from boot to boot on a CPU without RDRAND: when, where in memory, and which
 * domain. */
static uint64_t entropy(void)
{
    uint64_t seed = 0, word;

    if (cpu_random(&word))
        seed = word;
    seed ^= cpu_tsc() * 0x9e3779b97f4a7c15;
    seed ^= clock_wall() << 20;
    seed ^= mmu_mfn(mmu_va(0)) << 40;
    seed ^= seed >> 32;
    return seed * 0xd6e8feb86659fd93;
}

const char *option_take(const char *name)
{
    const char *value = NULL;
    size_t len = strlen(name);

    for (size_t i = 0; i < options.n; i++) {
        const char *word = options.words[i] ? options.words[i] + strlen(CMDLINE_OPTION) : "";
        if (strncmp(word, name, len) != 0 || (word[len] != '\0' && word[len] != '='))
            continue;
        value = word[len] ? word + len + 1 : word + len;
        options.words[i] = NULL;
    }
    return value;
}

const char *option_take_any(const char *prefix)
{
    for (size_t i = 0; i < options.n; i++) {
        const char *word = options.words[i] ? options.words[i] + strlen(CMDLINE_OPTION) : "";
        if (strncmp(word, prefix, strlen(prefix)) != 0)
            continue;
        options.words[i] = NULL;
        return word + strlen(prefix);
    }
    return NULL;
}

void option_refuse_rest(void)
{
    for (size_t i = 0; i < options.n; i++)
        if (options.words[i])
            port_log("command line: '%s' is no option of this image", options.words[i]);
}

static _Noreturn void refuse(const char *why)
{
    port_log("command line: %s", why);
    shutdown_exit(STATUS_BAD_LINE);
}

static void parse_cmdline(struct cmdline *cmdline)
{
    /* The builder wrote it once, into a page that is the guest's: its words may stay there. */
    char *text = (char *)(uintptr_t)arch_start_info()->cmd_line;
    char error[80];

    size_t len = strnlen(text, MAX_GUEST_CMDLINE);
    if (len >= MAX_GUEST_CMDLINE - 1)
        refuse("it fills all of Xen's 1023 bytes, so its end may be missing: make it shorter");

    size_t max_words = len / 2 + 4;
    char **words = port_alloc(max_words * sizeof(*words));
    if (!words)
        refuse("no memory for its words");
    if (!cmdline_parse(text, app_name, words, max_words, cmdline, error, sizeof(error)))
        refuse(error);
    options.words = cmdline->options;
    options.n = cmdline->n_options;
}

void kernel_main(void)
{
    const struct start_info *si = arch_start_info();
    struct cmdline cmdline;

    uint64_t seed = entropy();
    cpu_seed_canary(seed);
    heap_init(seed * 0xff51afd7ed558ccd);
    thread_init();
    size_t n_free = page_init();
    log_init();
    xenstore_init(si->store_mfn ? mmu_va(mmu_pfn_of_mfn(si->store_mfn)) : NULL, si->store_evtchn);

    if (n_free < FREE_PAGES_MIN) {
        size_t need = page_total() + FREE_PAGES_MIN - n_free;
        port_log("too little memory: the guest has %zu KiB and needs %zu; say memory=%zu",
                 page_total() * 4, need * 4, (need + 255) / 256);
        shutdown_crash();
    }
    parse_cmdline(&cmdline);
    shutdown_init(app_terminate);
    if (option_take("boottime"))
        port_log("boot: %lu ticks from the first instruction to main",
                 cpu_tsc() - arch_first_tick());
    app_start(cmdline.argc, cmdline.argv, cmdline.env);
}

/* <sprat/port.h>, where it is little more than another name. */

void *port_pages_alloc(size_t n_pages)
{
    void *pages = page_alloc(n_pages, 1);

    if (pages && page_stale(pages))
        memset(pages, 0, n_pages * PAGE_BYTES);
    return pages;
}

void port_pages_free(void *pages)
{
    page_free(pages);
}

void *port_alloc(size_t size)
{
    return heap_alloc(size);
}

void port_free(void *memory)
{
    heap_free(memory);
}
