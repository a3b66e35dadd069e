/* SPDX-License-Identifier: BSD-2-Clause */
/* Test programs: one process for each test, and the guest's stacks inside it. */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

#include <sprat/compiler.h>
#include <sprat/context.h>

#include "machine.h"
#include "world.h"

#define TEST_SECONDS 60

/* The main stack, as the linker script lays it out; larger, for ASan's sake. */
__asm__(".pushsection .bss\n"
        ".globl main_stack_guard, main_stack, main_stack_top\n"
        ".balign 4096\n"
        "main_stack_guard: .skip 4096\n"
        "main_stack: .skip 0x40000\n"
        "main_stack_top: .skip 4096\n"
        ".popsection");
extern char main_stack_guard[], main_stack[], main_stack_top[];

/* Switching stacks, with ASan told. The linker makes the runtime's calls come here (--wrap). */

void __real_context_switch(struct context *from, const struct context *to);
void __wrap_context_switch(struct context *from, const struct context *to);
void __real_context_init(struct context *context, void *top, void (*entry)(void *), void *arg);
void __wrap_context_init(struct context *context, void *top, void (*entry)(void *), void *arg);

static struct {
    struct context test, guest;
    const void *test_stack;
    size_t test_stack_size;
    bool in_guest;
    void (*body)(void);
    int end;
} run;

/* Which stack is this? */
static void find_stack(uint64_t sp, const void **bottom, size_t *size)
{
    uintptr_t top = ROUND_UP(sp, PAGE_BYTES);

    if (sp >= (uintptr_t)main_stack && sp < (uintptr_t)main_stack_top) {
        *bottom = main_stack;
        *size = (size_t)(main_stack_top - main_stack);
    } else if (fake_stack_bottom(top)) {
        while (fake_writable(top))
            top += PAGE_BYTES;
        *bottom = (const void *)fake_stack_bottom(top);
        *size = top - fake_stack_bottom(top);
    } else {
        *bottom = run.test_stack;
        *size = run.test_stack_size;
    }
}

static void arrived(void)
{
    const void *bottom;
    size_t size;

    __sanitizer_finish_switch_fiber(NULL, &bottom, &size);
    if (!run.test_stack) {
        run.test_stack = bottom;
        run.test_stack_size = size;
    }
}

void __wrap_context_switch(struct context *from, const struct context *to)
{
    const void *bottom;
    size_t size;
    void *kept;

    find_stack(to->sp, &bottom, &size);
    __sanitizer_start_switch_fiber(&kept, bottom, size);
    __real_context_switch(from, to);
    arrived();
}

/* A new context arrives at its entry, not behind a switch. */
struct entry {
    void (*entry)(void *);
    void *arg;
};

static void enter(void *arg)
{
    struct entry entry = *(struct entry *)arg;

    arrived();
    free(arg);
    entry.entry(entry.arg);
}

void __wrap_context_init(struct context *context, void *top, void (*entry)(void *), void *arg)
{
    struct entry *kept = malloc(sizeof(*kept));

    *kept = (struct entry){entry, arg};
    __real_context_init(context, top, enter, kept);
}

static void run_body(void *arg)
{
    (void)arg;
    run.body();
    fake_guest_ends(FAKE_RETURNED);
}

int fake_run_guest(void (*body)(void))
{
    mprotect(main_stack_guard, PAGE_BYTES, PROT_NONE);
    /* An earlier run may have ended with frames on it. */
    ASAN_UNPOISON_MEMORY_REGION(main_stack, (size_t)(main_stack_top - main_stack));
    run.body = body;
    run.in_guest = true;
    __wrap_context_init(&run.guest, main_stack_top, run_body, NULL);
    __wrap_context_switch(&run.test, &run.guest);
    run.in_guest = false;
    return run.end;
}

void fake_guest_ends(int how)
{
    if (!run.in_guest)
        fake_fail("the guest ended (%d): %s", how, fake_log_text());
    run.end = how;
    __wrap_context_switch(&run.guest, &run.test);
    abort();
}

/* Tests */

void fake_fail(const char *fmt, ...)
{
    char text[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    print_error("%s\n", text);
    fail();
    abort();
}

void fake_assert_has(const char *text, const char *part, int wanted, const char *file, int line)
{
    if (!!strstr(text, part) == wanted)
        return;
    print_error("\"%s\" is %s\n%s\n", part, wanted ? "not in" : "in", text);
    _fail(file, line);
}

static void show(FILE *said)
{
    char text[4096];
    size_t n;

    rewind(said);
    while ((n = fread(text, 1, sizeof(text), said)) > 0)
        fwrite(text, 1, n, stderr);
}

static void in_own_process(void **state)
{
    const struct CMUnitTest *test = *state;
    FILE *said = tmpfile();
    int status = 0;

    assert_non_null(said);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(TEST_SECONDS);
        if (!freopen("/dev/null", "w", stdout) || dup2(fileno(said), STDERR_FILENO) < 0)
            _exit(1);
        _exit(_cmocka_run_group_tests(test->name, test, 1, NULL, NULL) ? 1 : 0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        fail_msg("can't run the test");
    if (status)
        show(said);
    fclose(said);
    if (WIFSIGNALED(status))
        fail_msg("the test ended by signal %d", WTERMSIG(status));
    if (status)
        fail_msg("see above");
}

int fake_run_tests(const struct CMUnitTest *tests, size_t n)
{
    struct CMUnitTest *outer = calloc(n, sizeof(*outer));
    int failed = -1;

    for (size_t i = 0; outer && i < n; i++)
        outer[i] = (struct CMUnitTest){.name = tests[i].name,
                                       .test_func = in_own_process,
                                       .initial_state = (void *)(uintptr_t)&tests[i]};
    if (outer)
        failed = _cmocka_run_group_tests("tests", outer, n, NULL, NULL);
    free(outer);
    return failed;
}
