/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last report. It allocates nothing, waits for nobody but the console's reader, and is written
 * so that scripts/sprat symbolize finds the addresses: "#N 0x...".
 */
#include <sprat/panic.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include <sprat/arch.h>
#include <sprat/clock.h>
#include <sprat/format.h>
#include <sprat/log.h>
#include <sprat/port.h>
#include <sprat/shutdown.h>
#include <sprat/thread.h>

#define FRAMES_MAX 32
#define FLUSH_NS   1000000000ull /* how long the host may take to read what came before it */

static void say(const char *fmt, ...) SPRAT_PRINTF(1, 2);

static void say(const char *fmt, ...)
{
    char line[LOG_LINE_MAX];
    va_list args;

    va_start(args, fmt);
    size_t len = log_line(line, fmt, args);
    va_end(args);
    log_write_now(line, len);
}

static void say_backtrace(uint64_t rip, uint64_t rbp, uint64_t rsp)
{
    uint64_t addresses[FRAMES_MAX];
    size_t n = arch_backtrace(rip, rbp, rsp, addresses, FRAMES_MAX);

    for (size_t i = 0; i < n; i++)
        say("  #%zu 0x%016lx", i, addresses[i]);
    if (n == FRAMES_MAX)
        say("  and more");
}

/* A panic inside a panic: say only that, once. */
static void begin(void)
{
    static int depth;

    if (depth++ == 0) {
        log_flush(clock_monotonic() + FLUSH_NS); /* room for the report */
        return;
    }
    if (depth == 2)
        say("panic: and another one while that was reported");
    shutdown_crash();
}

static void end(uint64_t rip, uint64_t rbp, uint64_t rsp)
{
    const struct thread *self = thread_self();

    say("  thread %s", self ? self->name : "none yet");
    say_backtrace(rip, rbp, rsp);
    shutdown_crash();
}

void panic_here(const void *rip, const void *rbp, const char *fmt, va_list args)
{
    char what[192];

    begin();
    format_list(what, sizeof(what), fmt, args);
    say("panic: %s", what);
    end((uint64_t)rip - 1, (uint64_t)rbp, 0); /* inside the call, not behind it */
    __builtin_unreachable();
}

void port_panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    panic_here(__builtin_return_address(0), *(void **)__builtin_frame_address(0), fmt, args);
}

void kernel_trap(const struct arch_regs *regs)
{
    struct arch_trap trap = arch_describe_trap(regs);
    const char *guard = trap.access ? thread_guard_name(trap.address) : NULL;

    begin();
    if (guard)
        say("panic: stack overflow in thread %s: %s 0x%016lx", guard, trap.access, trap.address);
    else if (trap.access)
        say("panic: %s: %s 0x%016lx", trap.reason, trap.access, trap.address);
    else
        say("panic: %s, error code 0x%lx", trap.reason, regs->error);
    say("  rip 0x%016lx rsp 0x%016lx rflags 0x%08lx", regs->rip, regs->rsp, regs->rflags);
    say("  rax 0x%016lx rbx 0x%016lx rcx 0x%016lx", regs->rax, regs->rbx, regs->rcx);
    say("  rdx 0x%016lx rsi 0x%016lx rdi 0x%016lx", regs->rdx, regs->rsi, regs->rdi);
    say("  rbp 0x%016lx r8  0x%016lx r9  0x%016lx", regs->rbp, regs->r8, regs->r9);
    say("  r10 0x%016lx r11 0x%016lx r12 0x%016lx", regs->r10, regs->r11, regs->r12);
    say("  r13 0x%016lx r14 0x%016lx r15 0x%016lx", regs->r13, regs->r14, regs->r15);
    end(regs->rip, regs->rbp, regs->rsp);
    __builtin_unreachable();
}

void kernel_stack_overflow(uint64_t rip, uint64_t rbp, uint64_t size)
{
    const struct thread *self = thread_self();

    begin();
    say("panic: stack overflow in thread %s: %lu bytes more are needed, %zu KiB are its stack",
        self->name, size, self->stack_size / 1024);
    end(rip, rbp, 0);
    __builtin_unreachable();
}

/* What the compilers and the C library call when something is wrong. */

SPRAT_API _Noreturn void __stack_chk_fail(void)
{
    port_panic("stack smashed: a function's canary was overwritten");
}

SPRAT_API _Noreturn void __assert_func(const char *file, int line, const char *function,
                                       const char *expression)
{
    port_panic("assertion failed: %s, in %s at %s:%d", expression, function, file, line);
}
