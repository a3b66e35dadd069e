/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of command.c, requests: what they must have, and what is answered when it is wrong. */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "client.h"
#include "command.h"
#include "config.h"
#include "guest.h"
#include "host.h"
#include "json.h"
#include "life.h"
#include "pool.h"
#include "wait.h"

static struct host host;
static struct guest guest;
static struct client *const client = (struct client *)&guest; /* nobody looks into it */

/* What became of a request. */
static char answer[8192];
static unsigned n_answers, n_created, n_again, n_waits, n_destroyed, n_pools;
static struct config created;
static uint64_t waited_until_ns;

/* How the rest of the daemon answers. */
static int life_error, wait_error, again_error, destroy_error, foreign_error;
static bool waiting, has_guest, physinfo_fails, list_fails;

/* ---- The rest of the daemon ---- */

void client_send(struct client *to, struct json_out *out)
{
    assert_ptr_equal(to, client);
    assert_false(out->failed);
    snprintf(answer, sizeof(answer), "%s", out->text);
    n_answers++;
}

int wait_again(struct client *of, const char *line, size_t len, uint64_t since_ns,
               struct fail *fail)
{
    assert_ptr_equal(of, client);
    assert_true(len > 0 && *line == '{');
    assert_int_equal(since_ns, 1000);
    n_again++;
    return again_error ? fail_set(fail, again_error, "no memory to wait") : 0;
}

int wait_for(struct client *of, struct guest *what, const char *text, uint64_t deadline_ns,
             struct json_out *out, struct fail *fail)
{
    (void)of;
    (void)text;
    assert_ptr_equal(what, &guest);
    if (wait_error)
        return fail_set(fail, wait_error, "no memory to wait");
    waited_until_ns = deadline_ns;
    n_waits++;
    free(out->text);
    *out = (struct json_out){0};
    return 0;
}

void wait_guest_ended(struct guest *of, const char *how)
{
    (void)of;
    (void)how;
}

static uint64_t now_ns;

uint64_t host_now_ns(void)
{
    return now_ns;
}

struct guest *host_find(struct host *at, const char *name)
{
    (void)at;
    assert_non_null(name);
    return has_guest && strcmp(name, "here") == 0 ? &guest : NULL;
}

int host_learn_foreign(struct host *at, struct fail *fail)
{
    (void)at;
    return foreign_error ? fail_set(fail, foreign_error, "cannot list") : 0;
}

int life_create(struct host *at, const struct config *config, const char *text, const char *file,
                bool paused, struct guest **made, bool *pooled, struct fail *fail)
{
    (void)at;
    (void)text;
    (void)file;
    (void)paused;
    n_created++;
    created = *config;
    *made = &guest;
    *pooled = false;
    return life_error ? fail_set(fail, life_error, "no guest today") : 0;
}

bool life_is_waiting(const char *name)
{
    assert_non_null(name);
    return waiting;
}

bool life_cancel(const char *name)
{
    assert_non_null(name);
    return waiting;
}

void life_count_destroyed(void)
{
}

void life_report(struct json_out *out)
{
    (void)out;
}

void life_report_counts(struct json_out *out, const char *key)
{
    json_put_number(out, key, 0);
}

int guest_destroy(struct host *at, struct guest *gone, bool announce, struct fail *fail)
{
    (void)at;
    (void)gone;
    (void)announce;
    n_destroyed++;
    return destroy_error ? fail_set(fail, destroy_error, "it stays") : 0;
}

int guest_request(struct host *at, struct guest *asked, bool reboot, struct fail *fail)
{
    (void)at;
    (void)asked;
    return reboot ? fail_set(fail, EIO, "it does not listen") : 0;
}

int pool_set(const struct config *config, unsigned size, unsigned low, struct fail *fail)
{
    (void)config;
    n_pools++;
    return size < low ? fail_set(fail, EINVAL, "low is high") : 0;
}

void pool_report(struct json_out *out, const char *key)
{
    json_put_number(out, key, 0);
}

int xc_physinfo(xc_interface *control, xc_physinfo_t *info)
{
    (void)control;
    *info = (xc_physinfo_t){.free_pages = 10 * (256 + 64)};
    errno = EPERM;
    return physinfo_fails ? -1 : 0;
}

int xc_domain_getinfolist(xc_interface *control, uint32_t first, unsigned n_max,
                          xc_domaininfo_t *infos)
{
    (void)control;
    (void)first;
    (void)n_max;
    infos[0] = (xc_domaininfo_t){.domain = 0, .cpu_time = 5};
    infos[1] = (xc_domaininfo_t){.domain = 3, .cpu_time = 7};
    errno = EPERM;
    return list_fails ? -1 : 2;
}

/* ---- Asking ---- */

#define WITH(more) "\"config\":\"name='g'\\nkernel='/k'\\nmemory=1\\n" more "\""
#define TEXT       WITH("")

static char said[] = "said";

static int up(void **state)
{
    (void)state;
    n_answers = n_created = n_again = n_waits = n_destroyed = n_pools = 0;
    life_error = wait_error = again_error = destroy_error = foreign_error = 0;
    waiting = has_guest = physinfo_fails = list_fails = false;
    now_ns = 2000;
    memset(host.by_domid, 0, sizeof(host.by_domid));
    strcpy(guest.name, "here");
    guest.state = GUEST_RUNNING;
    guest.console.log = said;
    guest.console.log_len = 4;
    return 0;
}

static void serve(const char *line)
{
    n_answers = 0;
    *answer = '\0';
    command_serve(&host, client, line, strlen(line), 1000);
}

static void assert_ok(const char *line, const char *part)
{
    serve(line);
    assert_int_equal(n_answers, 1);
    assert_has(answer, "\"ok\":true");
    assert_has(answer, part);
}

static void assert_refused(const char *line, const char *why)
{
    serve(line);
    assert_int_equal(n_answers, 1);
    assert_has(answer, "\"ok\":false");
    assert_has(answer, why);
}

static void what_is_no_request_is_refused(void **state)
{
    (void)state;
    assert_refused("", "\"error\"");
    assert_refused("{", "\"error\"");
    assert_refused("[]", "a request is an object");
    assert_refused("\"op\"", "a request is an object");
    assert_refused("{}", "\\\"op\\\" is missing, or no string");
    assert_refused("{\"op\":1}", "\\\"op\\\" is missing, or no string");
    assert_refused("{\"op\":\"frobnicate\"}", "there is no op \\\"frobnicate\\\"");
}

static void an_id_is_echoed_if_it_is_a_number_or_a_short_text(void **state)
{
    char line[400], id[200];

    (void)state;
    assert_refused("{\"id\":7,\"op\":\"x\"}", "{\"id\":7,\"ok\"");
    assert_refused("{\"id\":\"a\\\"b\",\"op\":\"x\"}", "{\"id\":\"a\\\"b\",\"ok\"");
    assert_refused("{\"id\":[1],\"op\":\"x\"}", "{\"ok\"");
    assert_refused("{\"id\":true,\"op\":\"x\"}", "{\"ok\"");
    memset(id, 'i', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    snprintf(line, sizeof(line), "{\"id\":\"%s\",\"op\":\"x\"}", id);
    assert_refused(line, "{\"id\":null,\"ok\"");
    id[125] = '\0'; /* with its quotes it just fits */
    snprintf(line, sizeof(line), "{\"id\":\"%s\",\"op\":\"x\"}", id);
    assert_refused(line, id);
}

static void a_guest_is_created_as_the_request_says(void **state)
{
    char line[3000], words[1100];

    (void)state;
    assert_ok("{\"op\":\"create\"," TEXT "}", "\"name\":\"here\"");
    assert_string_equal(created.name, "g");
    assert_ok("{\"op\":\"create\",\"name\":\"other\",\"cmdline\":\"a b\"," TEXT "}", "\"ns\"");
    assert_string_equal(created.name, "other");
    assert_string_equal(created.cmdline, "a b");
    assert_refused("{\"op\":\"create\"}", "\\\"config\\\" is missing");
    assert_refused("{\"op\":\"create\",\"config\":\"nonsense\"}", "config");
    assert_refused("{\"op\":\"create\",\"file\":\"a\\nb\"," TEXT "}", "control character");
    assert_refused("{\"op\":\"create\",\"name\":\"a/b\"," TEXT "}", "name");
    assert_refused("{\"op\":\"create\",\"timeout_s\":0," TEXT "}", "from 0 to 86400");
    assert_refused("{\"op\":\"create\",\"timeout_s\":-1," TEXT "}", "from 0 to 86400");
    assert_refused("{\"op\":\"create\",\"timeout_s\":86401," TEXT "}", "from 0 to 86400");
    assert_int_equal(n_created, 2);
    memset(words, 'w', sizeof(words));
    words[CONFIG_CMDLINE_MAX] = '\0';
    snprintf(line, sizeof(line), "{\"op\":\"create\",\"cmdline\":\"%s\"," TEXT "}", words);
    assert_refused(line, "more than 1023 bytes");
    words[CONFIG_CMDLINE_MAX - 1] = '\0';
    snprintf(line, sizeof(line), "{\"op\":\"create\",\"cmdline\":\"%s\"," TEXT "}", words);
    assert_ok(line, "");
    assert_string_equal(created.cmdline, words);
    life_error = EEXIST;
    assert_refused("{\"op\":\"create\"," TEXT "}", "no guest today");
}

static void with_ready_the_answer_comes_later(void **state)
{
    (void)state;
    serve("{\"op\":\"create\",\"ready\":\"up\",\"timeout_s\":2," TEXT "}");
    assert_int_equal(n_answers, 0);
    assert_int_equal(n_waits, 1);
    assert_int_equal(waited_until_ns, 1000 + 2000000000ull); /* from when it came */
    wait_error = ENOMEM;
    assert_refused("{\"op\":\"create\",\"ready\":\"up\"," TEXT "}", "no memory to wait");
}

/* A disk of it is being let go. */
static void what_cant_be_created_yet_is_tried_again_for_a_while(void **state)
{
    (void)state;
    life_error = EAGAIN;
    serve("{\"op\":\"create\"," TEXT "}");
    assert_int_equal(n_answers, 0);
    assert_int_equal(n_again, 1);
    now_ns = 1000 + LIFE_AGAIN_NS;
    assert_refused("{\"op\":\"create\"," TEXT "}", "no guest today");
    assert_int_equal(n_again, 1);
    now_ns--;
    again_error = ENOMEM;
    assert_refused("{\"op\":\"create\"," TEXT "}", "no memory to wait");
    assert_int_equal(n_again, 2);
}

static void a_guest_that_is_waited_for_is_there_or_has_ended(void **state)
{
    (void)state;
    assert_refused("{\"op\":\"wait\"}", "\\\"name\\\" is missing");
    assert_refused("{\"op\":\"wait\",\"name\":\"here\"}", "there is no guest here");
    assert_ok("{\"op\":\"wait\",\"name\":\"here\",\"end\":true}", "");
    waiting = true; /* to be restarted: it has not ended */
    assert_refused("{\"op\":\"wait\",\"name\":\"here\",\"end\":true}", "there is no guest here");
    has_guest = true;
    assert_refused("{\"op\":\"wait\",\"name\":\"here\"}", "\\\"ready\\\" is missing");
    assert_refused("{\"op\":\"wait\",\"name\":\"here\",\"end\":true,\"timeout_s\":0}", "from 0");
    serve("{\"op\":\"wait\",\"name\":\"here\",\"end\":true}");
    serve("{\"op\":\"wait\",\"name\":\"here\",\"ready\":\"x\"}");
    assert_int_equal(n_waits, 2);
    wait_error = ENOMEM;
    assert_refused("{\"op\":\"wait\",\"name\":\"here\",\"ready\":\"x\"}", "no memory to wait");
}

static void only_a_guest_that_is_there_is_destroyed_shut_down_or_read(void **state)
{
    static const char *const ops[] = {"destroy", "shutdown", "log"};
    static const char *const tell[] = {"\"ns\":", "", "\"console\":\"said\""};
    char line[100];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        has_guest = false;
        snprintf(line, sizeof(line), "{\"op\":\"%s\"}", ops[i]);
        assert_refused(line, "\\\"name\\\" is missing");
        snprintf(line, sizeof(line), "{\"op\":\"%s\",\"name\":\"here\"}", ops[i]);
        assert_refused(line, "there is no guest here");
        has_guest = true;
        assert_ok(line, tell[i]);
    }
    assert_int_equal(n_destroyed, 1);
    assert_refused("{\"op\":\"shutdown\",\"name\":\"here\",\"reboot\":true}", "does not listen");
    destroy_error = EIO;
    assert_refused("{\"op\":\"destroy\",\"name\":\"here\"}", "it stays");
    assert_int_equal(n_destroyed, 2);
    waiting = true; /* to be restarted: that is all that is left of it */
    assert_ok("{\"op\":\"destroy\",\"name\":\"here\"}", "");
    assert_int_equal(n_destroyed, 2);
}

static void a_pool_has_a_whole_number_of_shells(void **state)
{
    static const char *const sizes[] = {"-1",    "1.5",          "1.5,\"low\":1", "1e9",
                                        "\"3\"", "1,\"low\":-1", "1,\"low\":0.5", "1,\"low\":1e9"};
    char line[300];

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        snprintf(line, sizeof(line), "{\"op\":\"pool\",\"size\":%s," TEXT "}", sizes[i]);
        assert_refused(line, "whole numbers from 0 to");
    }
    assert_refused("{\"op\":\"pool\",\"size\":1}", "\\\"config\\\" is missing");
    assert_int_equal(n_pools, 0);
    assert_ok("{\"op\":\"pool\",\"size\":3,\"low\":2," TEXT "}", "");
    assert_refused("{\"op\":\"pool\",\"size\":1,\"low\":2," TEXT "}", "low is high");
}

static const char *meminfo; /* dom0's; NULL: it has none */

FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode)
{
    assert_string_equal(path, "/proc/meminfo");
    return meminfo ? fmemopen((void *)meminfo, strlen(meminfo), mode) : NULL;
}

static void what_fits_is_limited_by_dom0_too(void **state)
{
    (void)state;
    meminfo = "MemTotal: 1 kB\nMemAvailable:   24768 kB\nCached: 9 kB\n"; /* 192 to spare */
    assert_ok("{\"op\":\"fits\"," TEXT "}", "\"count\":4");
    meminfo = "MemAvailable: 27968 kB\n"; /* 3392 to spare: of interfaces and disks each more */
    assert_ok("{\"op\":\"fits\"," WITH("vif=['bridge=b','bridge=b']") "}", "\"count\":5");
    assert_ok("{\"op\":\"fits\"," WITH("disk=['phy:/dev/a,xvda,w']") "}", "\"count\":2");
    meminfo = "MemAvailable: 24000 kB\n";
    assert_ok("{\"op\":\"fits\"," TEXT "}", "\"count\":0");
    meminfo = "MemAvailable: 500000 kB\n";
    assert_ok("{\"op\":\"fits\"," TEXT "}", "\"count\":10");
    meminfo = "MemFree: 7 kB\n"; /* an old kernel, which does not tell */
    assert_ok("{\"op\":\"fits\"," TEXT "}", "\"count\":10");
    meminfo = NULL;
    assert_ok("{\"op\":\"fits\"," TEXT "}", "\"count\":10");
}

static void what_xen_does_not_tell_is_said(void **state)
{
    (void)state;
    assert_refused("{\"op\":\"fits\"}", "\\\"config\\\" is missing");
    assert_ok("{\"op\":\"fits\"," TEXT "}", "\"count\":10");
    assert_ok("{\"op\":\"stats\"}", "\"dom0_cpu_ns\":5,\"guests_cpu_ns\":7");
    list_fails = true;
    assert_refused("{\"op\":\"stats\"}", "cannot list the domains");
    physinfo_fails = true;
    assert_refused("{\"op\":\"stats\"}", "free memory");
    assert_refused("{\"op\":\"fits\"," TEXT "}", "free memory");
}

static void shells_are_not_listed(void **state)
{
    static struct guest shell = {.state = GUEST_SHELL, .name = "shell"};

    (void)state;
    host.by_domid[1] = &guest;
    host.by_domid[2] = &shell;
    assert_ok("{\"op\":\"list\"}", "\"name\":\"here\"");
    assert_null(strstr(answer, "shell"));
    assert_has(answer, "\"state\":\"running\"");
    guest.is_suspended = true;
    assert_ok("{\"op\":\"list\"}", "\"state\":\"suspended\"");
    guest.is_suspended = false;
    foreign_error = EIO;
    assert_refused("{\"op\":\"list\"}", "cannot list");
}

static void it_stops_unless_a_guest_that_should_go_stays(void **state)
{
    static struct guest shell = {.state = GUEST_SHELL};

    (void)state;
    host.by_domid[1] = host.by_domid[5] = &guest;
    host.by_domid[2] = &shell;
    destroy_error = EIO;
    assert_refused("{\"op\":\"stop\",\"destroy\":true}", "it stays");
    assert_int_equal(n_destroyed, 2); /* all are tried */
    assert_false(command_stopped());
    destroy_error = 0;
    assert_ok("{\"op\":\"stop\",\"destroy\":true}", "");
    assert_int_equal(n_destroyed, 4);
    assert_true(command_stopped());
    assert_ok("{\"op\":\"stop\"}", "");
    assert_int_equal(n_destroyed, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_no_request_is_refused, up),
        cmocka_unit_test_setup(an_id_is_echoed_if_it_is_a_number_or_a_short_text, up),
        cmocka_unit_test_setup(a_guest_is_created_as_the_request_says, up),
        cmocka_unit_test_setup(with_ready_the_answer_comes_later, up),
        cmocka_unit_test_setup(what_cant_be_created_yet_is_tried_again_for_a_while, up),
        cmocka_unit_test_setup(a_guest_that_is_waited_for_is_there_or_has_ended, up),
        cmocka_unit_test_setup(only_a_guest_that_is_there_is_destroyed_shut_down_or_read, up),
        cmocka_unit_test_setup(a_pool_has_a_whole_number_of_shells, up),
        cmocka_unit_test_setup(what_fits_is_limited_by_dom0_too, up),
        cmocka_unit_test_setup(what_xen_does_not_tell_is_said, up),
        cmocka_unit_test_setup(shells_are_not_listed, up),
        cmocka_unit_test_setup(it_stops_unless_a_guest_that_should_go_stays, up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
