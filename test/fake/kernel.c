/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel.h"

#include <stdbool.h>

#include <sprat/app.h>
#include <sprat/arch.h>
#include <sprat/heap.h>
#include <sprat/log.h>
#include <sprat/mmu.h>
#include <sprat/page.h>
#include <sprat/thread.h>
#include <sprat/xenstore.h>

#include "consoled.h"
#include "machine.h"
#include "world.h"

const char app_name[] = "tested";

void (*fake_app)(int argc, char **argv, char **env);
void (*fake_app_terminate)(void);

static void (*run_body)(void);

void app_start(int argc, char **argv, char **env)
{
    if (fake_app)
        fake_app(argc, argv, env);
    fake_guest_ends(FAKE_RETURNED);
}

void app_terminate(void)
{
    if (fake_app_terminate)
        fake_app_terminate();
}

const char *fake_log_text(void)
{
    return fake_console_text();
}

void fake_log_clear(void)
{
    fake_console_clear();
}

/*
 * Code that ASan instruments needs more stack than the guest's: small threads get more. The linker
 * makes the calls of other files come here (--wrap).
 */
#define STACK_MIN 0x10000

struct thread *__real_thread_start(const char *name, size_t stack_size, void (*entry)(void *),
                                   void *arg);
struct thread *__wrap_thread_start(const char *name, size_t stack_size, void (*entry)(void *),
                                   void *arg);

struct thread *__wrap_thread_start(const char *name, size_t stack_size, void (*entry)(void *),
                                   void *arg)
{
    return __real_thread_start(name, stack_size < STACK_MIN ? STACK_MIN : stack_size, entry, arg);
}

static void start(void)
{
    const struct start_info *si = arch_start_info();

    heap_init(0x0123456789abcdef);
    thread_init();
    page_init();
    log_init();
    xenstore_init(si->store_mfn ? mmu_va(mmu_pfn_of_mfn(si->store_mfn)) : NULL, si->store_evtchn);
    run_body();
}

int fake_run_kernel(void (*body)(void))
{
    static bool started;

    if (!fake_built())
        fake_build(&(struct fake_guest){0});
    run_body = body;
    if (started)
        return fake_run_guest(body);
    started = true;
    int end = fake_run_guest(start);
    if (end == FAKE_RETURNED)
        fake_settle(); /* a guest that ended had to see to its last words itself */
    return end;
}
