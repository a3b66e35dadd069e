/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of host.c: whose name and whose change it is, by what Xen and xenstored say. */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "disk.h"
#include "fake_domains.h"
#include "guest.h"
#include "host.h"
#include "store.h"
#include "vif.h"

static struct host host;
static struct fail fail;
static struct guest guest, other;
static const char *names[8];     /* by domain: what xenstore calls it */
static const char *events[8][2]; /* path, token; ends with NULL */
static unsigned next_event;
static char told[1024];  /* what came of events */
static char asked[1024]; /* of xenstored */

/* What host.c asks of the rest of the daemon, of Xen and of xenstored. */

int hyper_open(struct hyper *hyper, struct fail *why)
{
    (void)hyper;
    (void)why;
    return 0;
}

void hyper_close(struct hyper *hyper)
{
    (void)hyper;
}

int xenevtchn_fd(xenevtchn_handle *events_of)
{
    (void)events_of;
    return -1;
}

int store_open(struct store **store, struct fail *why)
{
    (void)store;
    (void)why;
    return 0;
}

void store_close(struct store *store)
{
    (void)store;
}

int store_fd(const struct store *store)
{
    (void)store;
    return -1;
}

int store_flush(struct store *store, struct fail *why)
{
    (void)store;
    (void)why;
    return 0;
}

void store_write(struct store *store, const char *value, const char *path, ...)
{
    va_list args;

    (void)store;
    (void)value;
    va_start(args, path);
    vsnprintf(asked + strlen(asked), sizeof(asked) - strlen(asked), path, args);
    va_end(args);
    strcat(asked, "= ");
}

void store_watch(struct store *store, const char *path, const char *token)
{
    (void)store;
    (void)token;
    sprintf(asked + strlen(asked), "+%s ", path);
}

void store_unwatch(struct store *store, const char *path, const char *token)
{
    (void)store;
    (void)token;
    sprintf(asked + strlen(asked), "-%s ", path);
}

int store_read(struct store *store, const char *path, char **value, struct fail *why)
{
    unsigned domid;

    (void)store;
    if (sscanf(path, "/local/domain/%u/name", &domid) != 1 || domid >= 8 || !names[domid])
        return fail_set(why, ENOENT, "there is no %s", path);
    *value = strdup(names[domid]);
    return 0;
}

bool store_next_event(struct store *store, struct store_event *event)
{
    (void)store;
    if (!events[next_event][0])
        return false;
    event->path = strdup(events[next_event][0]);
    event->token = strdup(events[next_event++][1]);
    return true;
}

void store_event_free(struct store_event *event)
{
    free(event->path);
    free(event->token);
}

void proxy_changed(struct proxy *proxy, struct host *at, const char *path)
{
    (void)at;
    sprintf(told + strlen(told), "%u:%s ", proxy->domid, path);
}

void disk_changed(struct host *at, const char *path)
{
    (void)at;
    sprintf(told + strlen(told), "disk:%s ", path);
}

void disk_close_all(struct host *at)
{
    (void)at;
}

void vif_watch(struct host *at, uint32_t domid, unsigned n_vifs)
{
    (void)at;
    sprintf(asked + strlen(asked), "+vif/%u/%u ", domid, n_vifs);
}

void vif_unwatch(struct host *at, uint32_t domid, unsigned n_vifs)
{
    (void)at;
    sprintf(asked + strlen(asked), "-vif/%u/%u ", domid, n_vifs);
}

static void suspect(struct guest *whom)
{
    sprintf(told + strlen(told), "suspect:%u ", whom->domid);
}

static void enter(struct guest *whom, uint32_t domid, const char *name)
{
    *whom = (struct guest){.domid = domid,
                           .console = {.port = 10 + (int)domid},
                           .proxy = {.port = 2000 + (int)domid, .domid = domid}};
    strcpy(whom->name, name);
    assert_int_equal(host_enter(&host, whom, &fail), 0);
    host_name(&host, whom);
}

static int begin(void **state)
{
    (void)state;
    memset(names, 0, sizeof(names));
    memset(events, 0, sizeof(events));
    next_event = 0;
    *told = *asked = '\0';
    n_infos = 0;
    enter(&guest, 5, "web");
    enter(&other, 6, "mail");
    return 0;
}

static int end(void **state)
{
    (void)state;
    host_leave(&host, &guest);
    host_leave(&host, &other);
    free(host.by_port);
    for (size_t i = 0; i < host.n_foreign; i++)
        free(host.foreign[i].name);
    free(host.foreign);
    host = (struct host){0};
    return 0;
}

static void take(const char *path, const char *token)
{
    *told = '\0';
    next_event = 0;
    events[0][0] = path;
    events[0][1] = token;
    host_take_store_events(&host, suspect);
}

static void a_guest_is_found_by_name_domain_and_channel(void **state)
{
    (void)state;
    assert_ptr_equal(host_find(&host, "web"), &guest);
    assert_ptr_equal(host.by_domid[5], &guest);
    assert_ptr_equal(host.by_port[15], &guest);
    assert_ptr_equal(host.by_port[2005], &guest);
    assert_ptr_equal(host.by_port[2006], &other);
    assert_int_equal(host.n_guests, 2);
    host_leave(&host, &guest);
    assert_null(host_find(&host, "web"));
    assert_null(host.by_port[2005]);
    assert_int_equal(host.n_guests, 1);
    host_leave(&host, &guest); /* once is enough */
    assert_int_equal(host.n_guests, 1);
}

static void a_name_is_given_once_on_this_machine(void **state)
{
    (void)state;
    assert_int_equal(host_check_name(&host, "web", &fail), -EEXIST);
    assert_has(fail.text, "domain 5");
    assert_int_equal(host_check_name(&host, "xl-guest", &fail), 0);
    infos[0].domain = 7;
    infos[1].domain = 5;
    n_infos = 1;
    names[7] = "xl-guest";
    take("@introduceDomain", "appeared");
    assert_int_equal(host_check_name(&host, "xl-guest", &fail), -EEXIST);
    assert_has(fail.text, "another made: 7");
    n_infos = 0; /* it has gone, and nobody told */
    assert_int_equal(host_check_name(&host, "xl-guest", &fail), 0);
    host.domains_appeared = true;
    n_infos = -1;
    assert_int_equal(host_check_name(&host, "xl-guest", &fail), -EPERM);
}

static void a_domain_of_its_own_or_a_reserved_one_is_no_foreign_one(void **state)
{
    (void)state;
    infos[0].domain = 5;
    infos[1].domain = 7; /* without a name */
    infos[2].domain = HOST_DOMAINS;
    n_infos = 3;
    names[5] = "old-name";
    assert_int_equal(host_learn_foreign(&host, &fail), 0);
    assert_int_equal(host.n_foreign, 0);
}

static void a_domain_that_it_introduced_has_not_appeared(void **state)
{
    (void)state;
    host.n_introduced = 1;
    take("@introduceDomain", "appeared");
    assert_false(host.domains_appeared);
    take("@introduceDomain", "appeared");
    assert_true(host.domains_appeared);
    take("@releaseDomain", "ended");
    assert_true(host.domains_ended);
}

static void a_change_reaches_the_guest_that_it_is_about(void **state)
{
    static const char *const nobodys[] = {
        "/local/domain",       "/local/domain/",
        "/local/domain/7/x",   "/local/domaix/5",
        "/local/domain55",     "/local/domain/x",
        "/local/domain/40000", VIF_BACKENDS "/7/0/state",
        "/local/domain/-5",    "/local/domain/18446744073709551621",
        VBD_BACKENDS,          VIF_BACKENDS "x/5/0/",
        "/elsewhere/5"};

    (void)state;
    for (size_t i = 0; i < sizeof(nobodys) / sizeof(*nobodys); i++) {
        take(nobodys[i], HOST_TOKEN_CHANGED);
        if (*told)
            fail_msg("%s is taken for %s", nobodys[i], told);
    }
    take("/local/domain/5/data/a", HOST_TOKEN_CHANGED);
    assert_string_equal(told, "5:/local/domain/5/data/a ");
    assert_false(guest.given_devices);
    take("/local/domain/5", HOST_TOKEN_CHANGED); /* all its nodes have gone */
    assert_string_equal(told, "5:/local/domain/5 suspect:5 ");
    take(VBD_BACKENDS "/6/51712/state", HOST_TOKEN_CHANGED);
    assert_string_equal(told, "6:" VBD_BACKENDS "/6/51712/state ");
    assert_true(other.given_devices);
    take(VIF_BACKENDS "/5/0/state", HOST_TOKEN_CHANGED);
    assert_string_equal(told, "5:" VIF_BACKENDS "/5/0/state ");
    assert_true(guest.given_devices);
    take(VBD_BACKENDS "/6/51712/sectors", HOST_TOKEN_DISK);
    assert_string_equal(told, "disk:" VBD_BACKENDS "/6/51712/sectors ");
    guest.heard = HEARD_ALONE;
    take("/local/domain/5/control/shutdown", HOST_TOKEN_CHANGED);
    assert_has(told, "suspect:5 ");
    guest.heard = HEARD_NOT;
    take("/local/domain/5", "strange");
    assert_string_equal(told, "");
}

static void a_guest_may_be_saved_again_at_once(void **state)
{
    (void)state;
    guest.is_suspended = other.is_suspended = true; /* and xenstored was told */
    take("/local/domain/5/data/a", HOST_TOKEN_CHANGED);
    assert_true(guest.is_suspended);
    take("/local/domain/5/control/shutdown", HOST_TOKEN_CHANGED);
    assert_false(guest.is_suspended);
    assert_true(other.is_suspended);
}

static void a_guest_that_xl_renames_has_the_new_name(void **state)
{
    (void)state;
    host_write_name(&host, &guest);
    names[5] = "new-web";
    take("/local/domain/5/name", HOST_TOKEN_CHANGED); /* our own word comes back */
    assert_ptr_equal(host_find(&host, "web"), &guest);
    take("/local/domain/5/name", HOST_TOKEN_CHANGED);
    assert_null(host_find(&host, "web"));
    assert_ptr_equal(host_find(&host, "new-web"), &guest);
    names[5] = NULL; /* it has gone */
    take("/local/domain/5/name", HOST_TOKEN_CHANGED);
    assert_string_equal(guest.name, "new-web");
}

static void a_name_that_it_gives_nobody_is_not_taken(void **state)
{
    static char longer[CONFIG_NAME_MAX + 1];

    (void)state;
    memset(longer, 'x', CONFIG_NAME_MAX);
    static const char *const bad[] = {"", "a/b", "mail", longer};
    host.turn = 7;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        names[5] = bad[i];
        take("/local/domain/5/name", HOST_TOKEN_CHANGED);
        assert_ptr_equal(host_find(&host, "web"), &guest);
    }
    assert_ptr_equal(host_find(&host, "mail"), &other);
}

static void one_watch_is_for_all_and_some_have_their_own(void **state)
{
    (void)state;
    host_hear(&host, &guest);
    host_hear(&host, &other);
    assert_string_equal(asked, "+/local/domain ");
    *asked = '\0';
    host_leave(&host, &guest);
    assert_string_equal(asked, "");
    host_leave(&host, &other);
    assert_string_equal(asked, "-/local/domain ");
    *asked = '\0';
    enter(&guest, 5, "web");
    guest.n_vifs = 2;
    host_hear(&host, &guest);
    assert_string_equal(asked, "+vif/5/2 /local/domain/5/control/shutdown= "
                               "+/local/domain/5/control/shutdown +/local/domain/5/name ");
    *asked = '\0';
    host_leave(&host, &guest);
    assert_string_equal(asked, "-vif/5/2 -/local/domain/5/control/shutdown "
                               "-/local/domain/5/name ");
    *asked = '\0';
    enter(&guest, 5, "web");
    guest.introduced = true; /* xenstored serves it itself */
    host_hear(&host, &guest);
    assert_string_equal(asked, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_guest_is_found_by_name_domain_and_channel),
        TEST(a_name_is_given_once_on_this_machine),
        TEST(a_domain_of_its_own_or_a_reserved_one_is_no_foreign_one),
        TEST(a_domain_that_it_introduced_has_not_appeared),
        TEST(a_change_reaches_the_guest_that_it_is_about),
        TEST(a_guest_may_be_saved_again_at_once),
        TEST(a_guest_that_xl_renames_has_the_new_name),
        TEST(a_name_that_it_gives_nobody_is_not_taken),
        TEST(one_watch_is_for_all_and_some_have_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
