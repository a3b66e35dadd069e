/* SPDX-License-Identifier: BSD-2-Clause */
/* xenstore through the guest's own directory, against the host's real xenstored. */
#include <time.h>
#include <unistd.h>

#include <sprat/xenstore.h>

#include "check.h"

#define FOLDER "data/test"

static void a_value_that_was_written_is_read_back(void)
{
    char value[64];

    CHECK(xenstore_write(XENSTORE_NO_TX, FOLDER "/a", "some value") == 0);
    CHECK(xenstore_read(XENSTORE_NO_TX, FOLDER "/a", value, sizeof(value)) == 10);
    CHECK(strcmp(value, "some value") == 0);
    CHECK(xenstore_write(XENSTORE_NO_TX, FOLDER "/a", "") == 0);
    CHECK(xenstore_read(XENSTORE_NO_TX, FOLDER "/a", value, sizeof(value)) == 0);
}

static void errors_are_xenstoreds(void)
{
    char value[8];

    CHECK(xenstore_read(XENSTORE_NO_TX, FOLDER "/missing", value, sizeof(value)) == -ENOENT);
    CHECK(xenstore_write(XENSTORE_NO_TX, "/local/domain/0/name", "mine") == -EACCES);
    CHECK(xenstore_read(XENSTORE_NO_TX, "//bad//path", value, sizeof(value)) == -EINVAL);
    CHECK(xenstore_write(XENSTORE_NO_TX, FOLDER "/a", "more than seven bytes") == 0);
    CHECK(xenstore_read(XENSTORE_NO_TX, FOLDER "/a", value, sizeof(value)) == -E2BIG);
}

static void numbers_are_numbers_or_refused(void)
{
    uint64_t number;

    CHECK(xenstore_write_u64(XENSTORE_NO_TX, FOLDER "/n", UINT64_MAX) == 0);
    CHECK(xenstore_read_u64(XENSTORE_NO_TX, FOLDER "/n", &number) == 0 && number == UINT64_MAX);
    CHECK(xenstore_write(XENSTORE_NO_TX, FOLDER "/n", "18446744073709551616") == 0);
    CHECK(xenstore_read_u64(XENSTORE_NO_TX, FOLDER "/n", &number) == -EINVAL);
    CHECK(xenstore_write(XENSTORE_NO_TX, FOLDER "/n", "12 ") == 0);
    CHECK(xenstore_read_u64(XENSTORE_NO_TX, FOLDER "/n", &number) == -EINVAL);
}

static void a_value_longer_than_the_ring_comes_whole(void)
{
    static char long_value[2001], back[2048];

    memset(long_value, 'x', 2000);
    long_value[1999] = 'y';
    CHECK(xenstore_write(XENSTORE_NO_TX, FOLDER "/long", long_value) == 0);
    CHECK(xenstore_read(XENSTORE_NO_TX, FOLDER "/long", back, sizeof(back)) == 2000);
    CHECK(strcmp(long_value, back) == 0);
    CHECK(xenstore_remove(XENSTORE_NO_TX, FOLDER "/long") == 0);
}

static void a_list_has_each_name_once(void)
{
    char names[256];
    const char *name = NULL;
    int n = 0, len;

    CHECK(xenstore_write(XENSTORE_NO_TX, FOLDER "/list/one", "1") == 0);
    CHECK(xenstore_write(XENSTORE_NO_TX, FOLDER "/list/two", "2") == 0);
    CHECK(xenstore_write(XENSTORE_NO_TX, FOLDER "/list/three", "3") == 0);
    len = xenstore_list(XENSTORE_NO_TX, FOLDER "/list", names, sizeof(names));
    CHECK(len == sizeof("one") + sizeof("two") + sizeof("three"));
    while ((name = xenstore_next_name(names, (size_t)len, name)))
        n++;
    CHECK(n == 3);
    CHECK(xenstore_remove(XENSTORE_NO_TX, FOLDER "/list") == 0);
    CHECK(xenstore_list(XENSTORE_NO_TX, FOLDER "/list", names, sizeof(names)) == -ENOENT);
}

static void several_paths_are_asked_about_at_once(void)
{
    char one[8], two[8];
    struct xenstore_item out[] = {{FOLDER "/i1", "first", 0, 1}, {FOLDER "/i2", "second", 0, 1}};
    struct xenstore_item in[] = {{FOLDER "/i1", one, sizeof(one), 0},
                                 {FOLDER "/none", two, sizeof(two), 0},
                                 {FOLDER "/i2", two, sizeof(two), 0}};

    CHECK(xenstore_write_items(XENSTORE_NO_TX, out, 2) == 0);
    CHECK(out[0].result == 0 && out[1].result == 0);
    CHECK(xenstore_read_items(XENSTORE_NO_TX, in, 3) == 0);
    CHECK(in[0].result == 5 && in[1].result == -ENOENT && in[2].result == 6);
    CHECK(strcmp(one, "first") == 0 && strcmp(two, "second") == 0);
}

static void what_a_transaction_wrote_is_seen_when_it_ends_well(void)
{
    xenstore_tx_t tx;
    char value[16];

    CHECK(xenstore_write(XENSTORE_NO_TX, FOLDER "/t", "old") == 0);
    CHECK(xenstore_begin(&tx) == 0);
    CHECK(xenstore_write(tx, FOLDER "/t", "new") == 0);
    CHECK(xenstore_read(tx, FOLDER "/t", value, sizeof(value)) == 3 && strcmp(value, "new") == 0);
    CHECK(xenstore_read(XENSTORE_NO_TX, FOLDER "/t", value, sizeof(value)) == 3);
    CHECK(strcmp(value, "old") == 0);
    CHECK(xenstore_end(tx, 1) == 0);
    CHECK(xenstore_read(XENSTORE_NO_TX, FOLDER "/t", value, sizeof(value)) == 3);
    CHECK(strcmp(value, "new") == 0);
    CHECK(xenstore_end(tx, 1) == -ENOENT);

    CHECK(xenstore_begin(&tx) == 0);
    CHECK(xenstore_write(tx, FOLDER "/t", "dropped") == 0);
    CHECK(xenstore_end(tx, 0) == 0);
    CHECK(xenstore_read(XENSTORE_NO_TX, FOLDER "/t", value, sizeof(value)) == 3);
}

static void a_transaction_that_was_crossed_must_be_done_again(void)
{
    xenstore_tx_t tx;
    char value[16];

    CHECK(xenstore_begin(&tx) == 0);
    CHECK(xenstore_read(tx, FOLDER "/t", value, sizeof(value)) == 3);
    CHECK(xenstore_write(tx, FOLDER "/t", value) == 0);
    CHECK(xenstore_write(XENSTORE_NO_TX, FOLDER "/t", "other") == 0);
    CHECK(xenstore_end(tx, 1) == -EAGAIN);
}

static unsigned n_events;
static char last_path[64];

static void count_event(struct xenstore_watch *watch, const char *changed)
{
    (void)watch;
    n_events++;
    strncpy(last_path, changed, sizeof(last_path) - 1);
}

/* Events are handled while a thread waits: an answer from xenstored comes after all events before
 * it. */
static void a_watch_tells_of_each_change_below_it(void)
{
    struct xenstore_watch watch = {.path = FOLDER "/w", .handler = count_event};
    struct timespec moment = {0, 200000000};

    CHECK(xenstore_watch(&watch) == 0);
    nanosleep(&moment, NULL);
    CHECK(n_events == 1); /* once when it is set */
    CHECK(xenstore_write(XENSTORE_NO_TX, FOLDER "/w/x", "1") == 0);
    CHECK(xenstore_write(XENSTORE_NO_TX, FOLDER "/elsewhere", "1") == 0);
    nanosleep(&moment, NULL);
    CHECK(n_events == 2 && strcmp(last_path, FOLDER "/w/x") == 0);
    CHECK(xenstore_unwatch(&watch) == 0);
    CHECK(xenstore_write(XENSTORE_NO_TX, FOLDER "/w/x", "2") == 0);
    nanosleep(&moment, NULL);
    CHECK(n_events == 2);
}

static void a_guest_that_has_too_many_nodes_is_told(void)
{
    char path[64];
    int error = 0, n = 0;

    for (; error == 0 && n < 2000; n++) {
        snprintf(path, sizeof(path), FOLDER "/q/%d", n);
        error = xenstore_write(XENSTORE_NO_TX, path, "");
    }
    CHECK(error == -ENOSPC && n > 50);
    CHECK(xenstore_remove(XENSTORE_NO_TX, FOLDER "/q") == 0);
    CHECK(xenstore_write(XENSTORE_NO_TX, FOLDER "/q/again", "") == 0);
}

int main(void)
{
    RUN(a_value_that_was_written_is_read_back);
    RUN(errors_are_xenstoreds);
    RUN(numbers_are_numbers_or_refused);
    RUN(a_value_longer_than_the_ring_comes_whole);
    RUN(a_list_has_each_name_once);
    RUN(several_paths_are_asked_about_at_once);
    RUN(what_a_transaction_wrote_is_seen_when_it_ends_well);
    RUN(a_transaction_that_was_crossed_must_be_done_again);
    RUN(a_watch_tells_of_each_change_below_it);
    RUN(a_guest_that_has_too_many_nodes_is_told);
    printf("all passed\n");
    return EXIT_SUCCESS;
}
