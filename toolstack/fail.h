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

/** Fill in the text: fail, errno, format, ... @return -error, for `return fail_set(...)`. */
#define fail_set(fail, error, ...) (fail_text((fail), __VA_ARGS__), fail_code(error))

/** The same with ": " and errno's words at the end: fail, format, ... @return -errno. */
#define fail_errno(fail, ...) fail_code(fail_text_errno((fail), __VA_ARGS__))

void fail_text(struct fail *fail, const char *format, ...) __attribute__((format(printf, 2, 3)));
int fail_text_errno(struct fail *fail, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* In the open, so that a reader of the caller, and the analyser, sees that it is not 0. */
static inline int fail_code(int error)
{
    return error > 0 ? -error : -1;
}

/** Put "PREFIX: " in front of the text. */
void fail_prefix(struct fail *fail, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
