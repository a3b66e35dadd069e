/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Why something failed, in a sentence for a person. A function that can fail takes a `struct fail`,
 * returns 0 or -errno, and has filled the text in when it returns -errno.
 */
#ifndef SPRAT_TOOLSTACK_FAIL_H
#define SPRAT_TOOLSTACK_FAIL_H

struct fail {
    char text[512];
};

/** Fill in the text. @return -error, for `return fail_set(...)`. */
int fail_set(struct fail *fail, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** The same with ": " and errno's words at the end. @return -errno. */
int fail_errno(struct fail *fail, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Put "PREFIX: " in front of the text. */
void fail_prefix(struct fail *fail, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
