/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * As much of the check library's interface as lwIP's unit tests use, for a guest: there are no
 * processes, so a test that fails ends them all (runner.c).
 */
#ifndef GUEST_LWIP_CHECK_H
#define GUEST_LWIP_CHECK_H

/* Which of its interfaces this is. */
#define CHECK_MAJOR_VERSION 0
#define CHECK_MINOR_VERSION 15

typedef void (*TFun)(int);
typedef void (*SFun)(void);

typedef struct {
    const char *name;
    TFun function;
} TTest;

typedef struct Suite Suite;

#define START_TEST(test)                                                                           \
    static void test##_function(int _i);                                                           \
    static const TTest test##_description = {#test, test##_function};                              \
    static const TTest *const test = &test##_description;                                          \
    static void test##_function(int _i)
#define END_TEST

#define fail_unless(condition, ...)                                                                \
    ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))
#define fail_if(condition, ...)                                                                    \
    ((condition) ? check_failed(__FILE__, __LINE__, "not: " #condition) : (void)0)
#define fail(...) check_failed(__FILE__, __LINE__, "fail()")

/** Say what is wrong and end the guest. */
void check_failed(const char *file, int line, const char *what) __attribute__((noreturn));

#endif
