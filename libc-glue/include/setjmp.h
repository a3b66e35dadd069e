/* SPDX-License-Identifier: BSD-2-Clause */
/** newlib's <setjmp.h>, with the forms that say whether signals are saved. */
#ifndef SPRAT_SETJMP_H
#define SPRAT_SETJMP_H

#include_next <setjmp.h>

#include <signal.h>

#define _setjmp(buffer)         setjmp(buffer)
#define _longjmp(buffer, value) longjmp((buffer), (value))

typedef struct {
    jmp_buf __buffer;
    int __saved;
    sigset_t __blocked;
} sigjmp_buf[1];

/* A function that called setjmp() would have returned by the time of the jump. */
#define sigsetjmp(buffer, save)                                                                    \
    ((buffer)->__saved = (save) != 0,                                                              \
     (buffer)->__saved ? sigprocmask(SIG_SETMASK, NULL, &(buffer)->__blocked) : 0,                 \
     setjmp((buffer)->__buffer))

void siglongjmp(sigjmp_buf buffer, int value) __attribute__((noreturn));

#endif
