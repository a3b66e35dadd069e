/* SPDX-License-Identifier: BSD-2-Clause */
/** Running tests: what every test program includes. */
#ifndef FAKE_RUN_H
#define FAKE_RUN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/** Run each test in a process of its own, for what the runtime keeps in static variables. */
#define RUN_TESTS(tests) fake_run_tests(tests, sizeof(tests) / sizeof((tests)[0]))
int fake_run_tests(const struct CMUnitTest *tests, size_t n);

/** Does `text` hold `part`? Shows both when not. */
#define assert_has(text, part)     fake_assert_has(text, part, 1, __FILE__, __LINE__)
#define assert_has_not(text, part) fake_assert_has(text, part, 0, __FILE__, __LINE__)
void fake_assert_has(const char *text, const char *part, int wanted, const char *file, int line);

/**
 * Run `body` as often as it has instructions, and call `intrude` before the n-th in the n-th run:
 * what another CPU (Xen, a backend) might do at any moment. `prepare` comes before each run and
 * `check` behind it. @return the number of runs.
 */
unsigned fake_interleave(void (*prepare)(void), void (*body)(void), void (*intrude)(void),
                         void (*check)(void));

#endif
