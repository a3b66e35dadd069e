/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/sched.h>

#include <sprat/arch.h>
#include <sprat/compiler.h>
#include <sprat/log.h>
#include <sprat/mmu.h>
#include <sprat/port.h>
#include <sprat/thread.h>

#include "consoled.h"
#include "kernel.h"
#include "machine.h"
#include "world.h"

static void assert_crashes(void (*body)(void), const char *wanted)
{
    int end = fake_run_kernel(body);
    assert_int_equal(end, SHUTDOWN_crash);
    assert_has(fake_console_text(), wanted);
}

/* The n-th address of the report's backtrace; 0 behind its end. */
static uint64_t frame(unsigned n)
{
    char mark[16];

    snprintf(mark, sizeof(mark), "  #%u 0x", n);
    const char *at = strstr(fake_console_text(), mark);
    return at ? strtoull(at + strlen(mark), NULL, 16) : 0;
}

static bool is_in(uint64_t address, void (*function)(void))
{
    return address - (uintptr_t)function < 1000;
}

__attribute__((noinline)) static void panic_deep(void)
{
    port_panic("%s number %d", "trouble", 7);
}

__attribute__((noinline)) static void panic_middle(void)
{
    panic_deep();
    __asm__ volatile(""); /* so that this is not a jump */
}

static void panic_outer(void)
{
    panic_middle();
    __asm__ volatile("");
}

static void a_panic_says_why_who_and_from_where(void **state)
{
    (void)state;
    assert_crashes(panic_outer, "sprat: panic: trouble number 7\n");
    assert_has(fake_console_text(), "sprat:   thread main\n");
    assert_true(is_in(frame(0), panic_deep));
    assert_true(is_in(frame(1), panic_middle));
    assert_true(is_in(frame(2), panic_outer));
}

static void fail_assertion(void)
{
    assert(fake_now() == 1);
}

static void a_failed_assertion_is_quoted(void **state)
{
    (void)state;
    assert_crashes(fail_assertion, "panic: assertion failed: fake_now() == 1, in ");
}

static void long_panic(void)
{
    char text[1000];

    memset(text, 'x', sizeof(text));
    port_panic("%.*s", (int)sizeof(text), text);
}

static void a_long_reason_is_cut(void **state)
{
    (void)state;
    assert_crashes(long_panic, "sprat: panic: xxxxx");
    for (const char *line = fake_console_text(); *line; line = strchr(line, '\n') + 1)
        assert_in_range(strcspn(line, "\n"), 1, 255);
}

static void in_thread(void *arg)
{
    (void)arg;
    panic_deep();
}

static void panic_in_thread(void)
{
    thread_start("worker-bee", 65536, in_thread, NULL);
    thread_yield();
}

static void the_thread_is_named(void **state)
{
    (void)state;
    assert_crashes(panic_in_thread, "sprat:   thread worker-bee\n");
    assert_true(is_in(frame(0), panic_deep));
}

static char long_name[400];

static void panic_in_long_thread(void)
{
    memset(long_name, 'n', sizeof(long_name) - 1);
    thread_start(long_name, 65536, in_thread, NULL);
    thread_yield();
}

static void a_long_name_is_cut(void **state)
{
    (void)state;
    assert_crashes(panic_in_long_thread, "sprat:   thread nnnnn");
    for (const char *line = fake_console_text(); *line; line = strchr(line, '\n') + 1)
        assert_in_range(strcspn(line, "\n"), 1, 255);
}

static void the_report_is_read_before_the_end(void **state)
{
    (void)state;
    fake_consoled.piece = 10;
    assert_crashes(panic_outer, "  #2 0x");
}

/* The ring and the buffer: all that is taken without a wait. */
static void fill_and_panic(void)
{
    static char much[6144];

    memset(much, 'x', sizeof(much));
    log_write(much, sizeof(much));
    panic_outer();
}

static void a_full_console_is_emptied_before_the_report(void **state)
{
    (void)state;
    assert_crashes(fill_and_panic, "sprat: panic: trouble number 7\n");
    assert_has(fake_console_text(), "  #2 0x");
}

static void a_dead_console_does_not_keep_a_panic(void **state)
{
    (void)state;
    fake_consoled.dead = true;
    assert_int_equal(fake_run_kernel(panic_outer), SHUTDOWN_crash);
    assert_in_range(fake_now(), FAKE_START_NS, FAKE_START_NS + 2000000000);
}

/* A panic while one is reported: in the console's notification, as the hypervisor sees it. */
static void panic_again(void *arg)
{
    static unsigned n;

    (void)arg;
    fake_console_type(""); /* the daemon is woken all the same */
    if (n++ < 5)
        port_panic("once more");
}

static void panic_twice(void)
{
    fake_evtchn_make(fake_start_info()->console.domU.evtchn, panic_again, NULL);
    port_panic("first");
}

static void a_panic_in_a_panic_ends_it(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(panic_twice), SHUTDOWN_crash);
    assert_has(fake_console_text(), "sprat: panic: and another one while that was reported\n");
    assert_has_not(fake_console_text(), "once more");
}

/* Exceptions, as entry.S reports them. */

static struct arch_regs regs;

static void trap(void)
{
    regs.rip = (uintptr_t)trap;
    kernel_trap(&regs);
}

static void fault_at(uint64_t address, uint64_t error)
{
    regs.vector = 14;
    regs.error = error;
    fake_build(&(struct fake_guest){0});
    shared_info.vcpu_info[0].arch.cr2 = address;
}

#define PRESENT 1
#define WRITE   2
#define FETCH   16

static void a_null_access_is_called_one(void **state)
{
    (void)state;
    fault_at(0x10, 0);
    assert_crashes(trap, "panic: page fault: NULL access: read from 0x0000000000000010\n");
    assert_true(frame(0) == (uintptr_t)trap);
}

static void a_write_to_read_only_data_is_called_one(void **state)
{
    (void)state;
    fault_at(0, PRESENT | WRITE);
    uint64_t table = (uint64_t)fake_start_info() + 3 * PAGE_BYTES;
    mmu_protect((void *)table, MMU_READ_ONLY);
    shared_info.vcpu_info[0].arch.cr2 = table;
    assert_crashes(trap, "panic: page fault: the data is read-only: write to 0x");
}

static void a_write_to_text_is_called_one(void **state)
{
    (void)state;
    fault_at((uintptr_t)trap, PRESENT | WRITE);
    assert_crashes(trap, "panic: page fault: text is read-only: write to 0x");
}

static void execution_of_data_is_called_one(void **state)
{
    (void)state;
    fault_at(0, PRESENT | FETCH);
    shared_info.vcpu_info[0].arch.cr2 = (uintptr_t)fake_start_info();
    assert_crashes(trap, "panic: page fault: execution of data: jump to 0x");
}

static void a_jump_to_nowhere_is_called_one(void **state)
{
    (void)state;
    fault_at(0x123456789000, FETCH);
    assert_crashes(trap, "panic: page fault: jump to nowhere: jump to 0x0000123456789000");
}

static void an_access_to_nothing_is_called_one(void **state)
{
    (void)state;
    fault_at(0x123456789000, WRITE);
    assert_crashes(trap, "panic: page fault: nothing is mapped there: write to 0x0000123456789000");
}

static void other_exceptions_have_names_and_codes(void **state)
{
    (void)state;
    regs.vector = 13;
    regs.error = 0x18;
    regs.rax = 0x1122334455667788;
    assert_crashes(trap, "panic: general protection fault, error code 0x18\n");
    assert_has(fake_console_text(), "rax 0x1122334455667788");
}

static void an_exception_that_does_not_exist_is_unknown(void **state)
{
    (void)state;
    regs.vector = 77;
    assert_crashes(trap, "panic: unknown exception");
}

static void overflow_here(void *arg)
{
    (void)arg;
    shared_info.vcpu_info[0].arch.cr2 = (uintptr_t)thread_self()->stack + 4000;
    regs.vector = 14;
    regs.error = PRESENT | WRITE;
    kernel_trap(&regs);
}

static void overflow(void)
{
    thread_start("greedy", 65536, overflow_here, NULL);
    thread_yield();
}

static void an_access_to_the_guard_page_is_a_stack_overflow(void **state)
{
    (void)state;
    assert_crashes(overflow, "panic: stack overflow in thread greedy: write to 0x");
}

static void need_more_stack(void)
{
    kernel_stack_overflow((uintptr_t)need_more_stack, 0, 5000);
}

static void a_function_that_needs_more_stack_says_how_much(void **state)
{
    (void)state;
    assert_crashes(need_more_stack,
                   "stack overflow in thread main: 5000 bytes more are needed, 256 KiB");
    assert_true(frame(0) == (uintptr_t)need_more_stack);
}

void __stack_chk_fail(void);

static void smash(void)
{
    __stack_chk_fail();
}

static void a_smashed_stack_is_called_one(void **state)
{
    (void)state;
    assert_crashes(smash, "panic: stack smashed");
}

/* Backtraces from what may be nonsense. */

static uint64_t addresses[8], frames[16];

static size_t walk(uint64_t rbp)
{
    return arch_backtrace((uintptr_t)walk, rbp, 0, addresses, ARRAY_LEN(addresses));
}

static void frames_that_are_none_end_the_backtrace(void **state)
{
    uint64_t *at;

    (void)state;
    fake_build(&(struct fake_guest){0});
    assert_int_equal(arch_backtrace(1, 0, 0, addresses, 0), 0);
    assert_int_equal(walk(0), 1);
    assert_int_equal(walk((uintptr_t)frames), 1); /* not where stacks are */
    assert_int_equal(walk(0x10), 1);
    assert_int_equal(walk(UINT64_MAX - 7), 1);

    at = (uint64_t *)((char *)fake_start_info() + 2048);
    at[1] = (uintptr_t)trap;
    at[0] = (uintptr_t)(at + 4);
    at[5] = (uintptr_t)smash;
    at[4] = 0;
    assert_int_equal(walk((uintptr_t)at), 3);
    assert_true(addresses[1] == (uintptr_t)trap && addresses[2] == (uintptr_t)smash);
    assert_int_equal(walk((uintptr_t)at + 4), 1); /* odd */
    at[5] = 0x1234;                               /* a return to nowhere */
    assert_int_equal(walk((uintptr_t)at), 2);
    at[5] = (uintptr_t)smash;
    at[4] = (uintptr_t)at; /* a circle */
    assert_int_equal(walk((uintptr_t)at), 3);
    at[0] = (uintptr_t)at;
    assert_int_equal(walk((uintptr_t)at), 2);
    at[0] = (uintptr_t)mmu_va(256) - 8; /* half of a frame is not mapped */
    assert_int_equal(walk((uintptr_t)at), 2);
    *(uint64_t *)mmu_va(0) = (uintptr_t)trap;
    assert_int_equal(walk((uintptr_t)mmu_va(0) - 8), 1); /* the other half */
}

/* A function that has no frame yet: its return address is where rsp points. */

static uint64_t called_from;

__attribute__((noinline)) static void note_caller(void)
{
    called_from = (uintptr_t)__builtin_return_address(0);
}

static size_t walk_from(uintptr_t rsp)
{
    return arch_backtrace((uintptr_t)walk, 0, rsp, addresses, ARRAY_LEN(addresses));
}

__asm__(".pushsection .text\n"
        "no_call: .skip 64, 0x90\n"
        ".popsection");
extern const char no_call[];

static void a_return_address_on_the_stacks_top_is_one_behind_a_call(void **state)
{
    void (*volatile indirect)(void) = note_caller;
    uint64_t *at;

    (void)state;
    fake_build(&(struct fake_guest){0});
    at = (uint64_t *)((char *)fake_start_info() + 2048);
    note_caller();
    *at = called_from;
    assert_int_equal(walk_from((uintptr_t)at), 2);
    assert_true(addresses[1] == called_from);
    addresses[1] = 7;
    assert_int_equal(arch_backtrace(1, 0, (uintptr_t)at, addresses, 1), 1);
    assert_true(addresses[1] == 7);
    indirect();
    *at = called_from;
    assert_int_equal(walk_from((uintptr_t)at), 2);

    memcpy((char *)at + 4, &called_from, sizeof(called_from));
    assert_int_equal(walk_from((uintptr_t)at + 4), 1); /* odd */
    assert_int_equal(walk_from((uintptr_t)mmu_va(256)), 1);
    *at = (uintptr_t)(no_call + 32);
    assert_int_equal(walk_from((uintptr_t)at), 1);
    *at = (uintptr_t)fake_start_info() + 8; /* data */
    assert_int_equal(walk_from((uintptr_t)at), 1);
    *at = 8;
    assert_int_equal(walk_from((uintptr_t)at), 1);
}

static void a_backtrace_ends_at_its_room(void **state)
{
    uint64_t *at;

    (void)state;
    fake_build(&(struct fake_guest){0});
    at = (uint64_t *)((char *)fake_start_info() + 2048);
    for (int i = 0; i < 40; i += 2) {
        at[i] = (uintptr_t)&at[i + 2];
        at[i + 1] = (uintptr_t)trap;
    }
    assert_int_equal(walk((uintptr_t)at), ARRAY_LEN(addresses));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_panic_says_why_who_and_from_where),
        cmocka_unit_test(a_failed_assertion_is_quoted),
        cmocka_unit_test(a_long_reason_is_cut),
        cmocka_unit_test(the_thread_is_named),
        cmocka_unit_test(a_long_name_is_cut),
        cmocka_unit_test(the_report_is_read_before_the_end),
        cmocka_unit_test(a_full_console_is_emptied_before_the_report),
        cmocka_unit_test(a_dead_console_does_not_keep_a_panic),
        cmocka_unit_test(a_panic_in_a_panic_ends_it),
        cmocka_unit_test(a_null_access_is_called_one),
        cmocka_unit_test(a_write_to_read_only_data_is_called_one),
        cmocka_unit_test(a_write_to_text_is_called_one),
        cmocka_unit_test(execution_of_data_is_called_one),
        cmocka_unit_test(a_jump_to_nowhere_is_called_one),
        cmocka_unit_test(an_access_to_nothing_is_called_one),
        cmocka_unit_test(other_exceptions_have_names_and_codes),
        cmocka_unit_test(an_exception_that_does_not_exist_is_unknown),
        cmocka_unit_test(an_access_to_the_guard_page_is_a_stack_overflow),
        cmocka_unit_test(a_function_that_needs_more_stack_says_how_much),
        cmocka_unit_test(a_smashed_stack_is_called_one),
        cmocka_unit_test(frames_that_are_none_end_the_backtrace),
        cmocka_unit_test(a_return_address_on_the_stacks_top_is_one_behind_a_call),
        cmocka_unit_test(a_backtrace_ends_at_its_room),
    };
    return RUN_TESTS(tests);
}
