/* SPDX-License-Identifier: BSD-2-Clause */
/** What the kernel calls that is above it. */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

/** app_start() calls this; when it returns the guest ends as FAKE_RETURNED. */
extern void (*fake_app)(int argc, char **argv, char **env);

/** app_terminate() calls this. */
extern void (*fake_app_terminate)(void);

/**
 * Build a default guest unless there is one, start the parts of the kernel that threads need
 * (memory, log, threads, xenstore) and run `body` as its main thread.
 *
 * @return how it ended: enum fake_end.
 */
int fake_run_kernel(void (*body)(void));

/** The test NAME is NAME_body() in such a guest. */
#define IN_KERNEL(name)                                                                            \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        assert_int_equal(fake_run_kernel(name##_body), FAKE_RETURNED);                             \
    }

#endif
