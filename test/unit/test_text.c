/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses as texts: the guest's functions beside the host's C library. */
#include "run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define ROUNDS   200000
#define TEXT_MAX 64

/* The host's. */
#undef inet_aton
#undef inet_ntop
#undef inet_pton
int inet_aton(const char *text, struct in_addr *address);
const char *inet_ntop(int family, const void *address, char *text, socklen_t size);
int inet_pton(int family, const char *text, void *address);

static const char *const like[] = {
    "10.0.0.2",
    "255.255.255.255",
    "0.0.0.0",
    "1.2.3",
    "0x7f.1",
    "017.0.0.1",
    "4294967295",
    "1:2:3:4:5:6:7:8",
    "::",
    "::1",
    "fd00::",
    "1::8",
    "1:2:3:4:5:6:7::",
    "::ffff:10.0.0.2",
    "1:2::7:8",
    "64:ff9b::1.2.3.4",
    "fe80::216:3eff:fe01:203",
    "12345::",
    "1:2:3:4:5:6:1.2.3.4",
    "ABCD::EF01",
    "1.2.3.4 ",
    "1.2.3.256",
};

/* One of these, with some letters gone, there twice or another. */
static void make(char *text)
{
    static const char letters[] = "0123456789abcdefABCDEF::::....gxX \n";

    strcpy(text, like[(size_t)rand() % (sizeof(like) / sizeof(like[0]))]);
    for (int n = rand() % 4; n > 0; n--) {
        size_t len = strlen(text), at = len ? (size_t)rand() % len : 0;
        char letter = letters[(size_t)rand() % (sizeof(letters) - 1)];
        if (rand() % 3 == 0) {
            memmove(text + at, text + at + !!len, len - at + !len);
        } else if (rand() % 2 && len < TEXT_MAX - 8) {
            memmove(text + at + 1, text + at, len - at + 1);
            text[at] = letter;
        } else if (len) {
            text[at] = letter;
        }
    }
}

static void texts_are_read_as_by_the_hosts_library(void **state)
{
    char text[TEXT_MAX];

    (void)state;
    srand(1);
    for (int i = 0; i < ROUNDS; i++) {
        int family = rand() % 2 ? AF_INET6 : AF_INET;
        uint8_t ours[16] = {0}, theirs[16] = {0};
        make(text);
        int result = guest_inet_pton(family, text, ours), right = inet_pton(family, text, theirs);
        if (result != right || (right == 1 && memcmp(ours, theirs, sizeof(ours)) != 0))
            fake_fail("inet_pton(%d, \"%s\") is %d, not %d", family, text, result, right);
        struct in_addr our = {0}, their = {0};
        result = !!guest_inet_aton(text, &our);
        right = !!inet_aton(text, &their);
        if (result != right || (right && our.s_addr != their.s_addr))
            fake_fail("inet_aton(\"%s\") is %d, not %d", text, result, right);
    }
}

static void addresses_are_written_as_by_the_hosts_library(void **state)
{
    static const uint8_t none[12];

    (void)state;
    srand(2);
    for (int i = 0; i < ROUNDS; i++) {
        int family = rand() % 2 ? AF_INET6 : AF_INET;
        char ours[TEXT_MAX] = "", theirs[TEXT_MAX] = "";
        socklen_t size = rand() % 2 ? TEXT_MAX : (socklen_t)rand() % TEXT_MAX;
        uint8_t address[16];
        for (int j = 0; j < 16; j++)
            address[j] = rand() % 3 ? 0 : (uint8_t)rand();
        if (rand() % 8 == 0)
            address[10] = address[11] = 0xff;
        if (family == AF_INET6 && memcmp(address, none, 12) == 0)
            continue; /* the host's shows these, long out of use, as ::1.2.3.4 */
        const char *result = guest_inet_ntop(family, address, ours, size);
        const char *right = inet_ntop(family, address, theirs, size);
        if (!result != !right || (right && strcmp(ours, theirs) != 0))
            fake_fail("inet_ntop() of %u bytes is \"%s\", not \"%s\"", size, ours, theirs);
    }
}

static void families_that_are_none_are_refused(void **state)
{
    uint8_t address[16];
    char text[TEXT_MAX];

    (void)state;
    errno = 0;
    assert_int_equal(guest_inet_pton(AF_UNSPEC, "1.2.3.4", address), -1);
    assert_null(guest_inet_ntop(AF_UNSPEC, address, text, sizeof(text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_as_by_the_hosts_library),
        cmocka_unit_test(addresses_are_written_as_by_the_hosts_library),
        cmocka_unit_test(families_that_are_none_are_refused),
    };
    return RUN_TESTS(tests);
}
