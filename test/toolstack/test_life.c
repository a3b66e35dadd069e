/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of life.c: what Xen says of guests, and what is done about it. */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "disk.h"
#include "fake_domains.h"
#include "guest.h"
#include "host.h"
#include "json.h"
#include "life.h"
#include "log.h"
#include "pool.h"
#include "wait.h"
#include "xlconfig.h"
#include "xlrest.h"

#define MS      1000000ull
#define SECOND  (1000 * MS)
#define CONFIG  "name = \"web\"\nkernel = \"/a\"\nmemory = 4\non_crash = \"restart\"\n"
#define RUNNING 0
#define DYING   XEN_DOMINF_dying
#define SHUTDOWN(reason)                                                                           \
    (XEN_DOMINF_shutdown | (uint32_t)SHUTDOWN_##reason << XEN_DOMINF_shutdownshift)

static struct host host;
static uint64_t now_ns;
static char told[4096]; /* what was done, each with a blank behind it */
static char said[4096]; /* to the log */
static int build_error, launch_error, name_error, disk_error, suspend_error, serve_error;
static struct guest *pooled;
static struct guest *started; /* the last one */

static void tell(const char *what, const char *of)
{
    sprintf(told + strlen(told), "%s:%s ", what, of);
}

/* What life.c asks of the rest of the daemon. */

uint64_t host_now_ns(void)
{
    return now_ns;
}

void log_line(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(said + strlen(said), sizeof(said) - strlen(said), format, args);
    va_end(args);
}

void log_last_words(const char *name, const char *text, size_t len)
{
    (void)text;
    (void)len;
    tell("words", name);
}

int host_check_name(struct host *at, const char *name, struct fail *fail)
{
    (void)at;
    (void)name;
    return name_error ? fail_set(fail, name_error, "it is taken") : 0;
}

int disk_check_left(struct host *at, const struct diskspec *specs, unsigned n, struct fail *fail)
{
    (void)at;
    (void)specs;
    (void)n;
    return disk_error ? fail_set(fail, disk_error, "a disk is held") : 0;
}

void disk_settle(struct host *at)
{
    (void)at;
}

struct guest *pool_take(struct host *at, const struct config *config)
{
    (void)at;
    (void)config;
    return pooled;
}

void pool_lose(struct guest *guest)
{
    (void)guest;
    tell("lost", "shell");
}

static struct guest *enter(uint32_t domid, const char *name)
{
    struct guest *guest = calloc(1, sizeof(*guest));

    guest->domid = domid;
    guest->state = GUEST_RUNNING;
    guest->started_ns = now_ns;
    strcpy(guest->name, name);
    host.by_domid[domid] = guest;
    host.n_guests++;
    return guest;
}

int guest_build(struct host *at, const struct config *config, const char *cmdline,
                struct guest **guest, struct fail *fail)
{
    (void)at;
    (void)cmdline;
    if (build_error)
        return fail_set(fail, build_error, "no memory today");
    *guest = enter(20, config->name);
    return 0;
}

static void leave(struct guest *guest)
{
    host.by_domid[guest->domid] = NULL;
    host.n_guests--;
    free(guest->text);
    free(guest->file);
    free(guest);
}

int guest_launch(struct host *at, struct guest *guest, const struct config *config,
                 const char *text, const char *file, bool paused, struct fail *fail)
{
    (void)at;
    (void)config;
    (void)paused;
    if (launch_error) {
        leave(guest);
        return fail_set(fail, launch_error, "no launch today");
    }
    guest->text = strdup(text);
    guest->file = strdup(file);
    guest->on_crash = ACTION_RESTART;
    started = guest;
    tell("start", guest->name);
    return 0;
}

int guest_destroy(struct host *at, struct guest *guest, bool announce, struct fail *fail)
{
    (void)at;
    (void)fail;
    tell(announce ? "announce" : "destroy", guest->name);
    leave(guest);
    return 0;
}

int guest_tell_suspended(struct host *at, struct guest *guest, struct fail *fail)
{
    (void)at;
    tell("suspended", guest->name);
    return suspend_error ? fail_set(fail, suspend_error, "no channel") : 0;
}

int guest_serve_again(struct host *at, struct guest *guest, struct fail *fail)
{
    (void)at;
    tell("serve", guest->name);
    return serve_error ? fail_set(fail, serve_error, "no channel yet") : 0;
}

bool console_drain(struct console *console, struct hyper *hyper)
{
    (void)console;
    (void)hyper;
    return false;
}

void wait_guest_ended(struct guest *guest, const char *how)
{
    (void)guest;
    tell("ended", how);
}

static uint64_t xl_due_ns;

uint64_t xlconfig_work(struct host *at, uint64_t when_ns)
{
    (void)at;
    (void)when_ns;
    return xl_due_ns;
}

uint64_t xlrest_work(struct host *at, uint64_t when_ns)
{
    (void)at;
    (void)when_ns;
    return UINT64_MAX;
}

/* ---- */

static void xen_says(int i, uint32_t domid, uint32_t flags)
{
    infos[i] = (xc_domaininfo_t){.domain = (domid_t)domid, .flags = flags};
    n_infos = i + 1;
}

static void look(void)
{
    *told = *said = '\0';
    host.domains_ended = true;
    life_look(&host);
    assert_false(host.domains_ended && n_infos >= 0);
}

static int begin(void **state)
{
    (void)state;
    now_ns = 100 * SECOND;
    n_infos = 0;
    *told = *said = '\0';
    build_error = launch_error = name_error = disk_error = suspend_error = serve_error = 0;
    pooled = NULL;
    xl_due_ns = UINT64_MAX;
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (uint32_t domid = 0; domid < 1000; domid++)
        if (host.by_domid[domid])
            leave(host.by_domid[domid]);
    life_cancel("web");
    for (unsigned i = 0; i < 4; i++) { /* looks of guests that have gone */
        now_ns += 100 * SECOND;
        life_work(&host, now_ns);
    }
    return 0;
}

static struct guest *guest_of(enum config_action action)
{
    struct guest *guest = enter(7, "web");

    guest->text = strdup(CONFIG);
    guest->file = strdup("web.cfg");
    guest->on_poweroff = guest->on_reboot = guest->on_crash = action;
    return guest;
}

static void an_end_is_what_its_reason_says(void **state)
{
    static const struct {
        uint32_t flags;
        const char *told;
    } ends[] = {
        {RUNNING, "serve:web "},
        {DYING, "ended:destroyed by another destroy:web "},
        {SHUTDOWN(poweroff), "ended:poweroff announce:web "},
        {SHUTDOWN(reboot), "ended:reboot announce:web "},
        {SHUTDOWN(crash), "words:web ended:crash announce:web "},
        {SHUTDOWN(watchdog), "words:web ended:crash announce:web "},
        {DYING | SHUTDOWN(poweroff), "ended:destroyed by another destroy:web "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        guest_of(ACTION_DESTROY);
        xen_says(0, 7, ends[i].flags);
        look();
        assert_string_equal(told, ends[i].told);
        assert_false(life_is_waiting("web"));
        if (i == 0)
            leave(host.by_domid[7]);
    }
    n_infos = -1;
    life_look(&host); /* nothing said that there was anything to see */
    assert_string_equal(said, "");
}

static void one_that_xen_does_not_list_has_gone(void **state)
{
    (void)state;
    enter(7, "a");
    enter(9, "b");
    enter(HOST_DOMAINS - 1, "c");
    xen_says(0, 8, RUNNING); /* another's */
    xen_says(1, 9, RUNNING);
    look();
    assert_string_equal(told, "ended:destroyed by another destroy:a serve:b "
                              "ended:destroyed by another destroy:c ");
}

/* More than are asked for at once. */
static void many_are_looked_at_in_batches(void **state)
{
    (void)state;
    for (int i = 0; i < 600; i++)
        xen_says(i, (uint32_t)i + 1, RUNNING);
    enter(256, "last");
    enter(257, "first");
    enter(512, "last");
    enter(600, "end");
    enter(601, "gone");
    look();
    assert_string_equal(told, "serve:last serve:first serve:last serve:end "
                              "ended:destroyed by another destroy:gone ");
    n_infos = 512; /* all of the last batch */
    leave(host.by_domid[600]);
    enter(513, "gone");
    look();
    assert_has(told, "destroy:gone ");
}

static void that_xen_does_not_list_any_is_told_once(void **state)
{
    (void)state;
    guest_of(ACTION_DESTROY);
    n_infos = -1;
    look();
    assert_has(said, "cannot list the domains");
    assert_string_equal(told, "");
    look();
    assert_string_equal(said, "");
    xen_says(0, 7, RUNNING);
    look();
    n_infos = -1;
    look();
    assert_has(said, "cannot list the domains");
}

static void one_that_is_kept_is_so_once(void **state)
{
    (void)state;
    struct guest *guest = guest_of(ACTION_PRESERVE);
    xen_says(0, 7, SHUTDOWN(poweroff));
    look();
    assert_string_equal(told, "ended:poweroff ");
    assert_int_equal(guest->state, GUEST_ENDED);
    look();
    assert_string_equal(told, "");
    xen_says(0, 7, DYING);
    look();
    assert_has(told, "destroy:web");
}

static void a_shell_that_somebody_destroys_is_lost_to_its_pool(void **state)
{
    (void)state;
    guest_of(ACTION_RESTART)->state = GUEST_SHELL;
    xen_says(0, 7, SHUTDOWN(crash)); /* it has crashed before it ran: xl has unpaused it */
    look();
    assert_has(told, "lost:shell announce:web ");
    assert_false(life_is_waiting("web"));
}

static void one_that_suspends_is_told_of_once_and_goes_on(void **state)
{
    (void)state;
    struct guest *guest = guest_of(ACTION_DESTROY);
    xen_says(0, 7, SHUTDOWN(suspend));
    look();
    assert_string_equal(told, "suspended:web ");
    assert_true(guest->is_suspended);
    look();
    assert_string_equal(told, "");
    serve_error = EBUSY;
    xen_says(0, 7, RUNNING);
    look();
    assert_string_equal(told, "serve:web ");
    assert_has(said, "web goes on, and is not served: no channel yet; it is tried again");
    assert_false(guest->is_suspended);
    look();
    assert_string_equal(told, "serve:web "); /* again */
    assert_string_equal(said, "");
    suspend_error = EIO;
    xen_says(0, 7, SHUTDOWN(suspend));
    look();
    assert_has(said, "web is suspended: no channel");
    assert_true(guest->is_suspended);
}

static struct guest *restarted(void)
{
    *told = *said = '\0';
    started = NULL;
    life_work(&host, now_ns);
    return started;
}

static void crash(void)
{
    for (int i = 0; i < HOST_DOMAINS; i++)
        if (host.by_domid[i])
            xen_says(0, (uint32_t)i, SHUTDOWN(crash));
    look();
}

static void one_that_ends_again_and_again_is_held_back_ever_longer(void **state)
{
    uint64_t delay_ns = 100 * MS;

    (void)state;
    guest_of(ACTION_RESTART);
    for (unsigned n = 1; n < 12; n++) {
        char words[64];
        crash();
        assert_int_equal(strstr(told, "words") != NULL, n == 1);
        snprintf(words, sizeof(words), "web ended soon after its start, %u times now", n);
        assert_has(said, words);
        assert_true(life_is_waiting("web"));
        uint64_t due_ns = life_work(&host, now_ns);
        assert_int_equal(due_ns, now_ns + delay_ns);
        now_ns = due_ns - 1;
        assert_null(restarted());
        now_ns = due_ns;
        assert_non_null(restarted());
        assert_int_equal(started->n_restarts, n);
        assert_false(life_is_waiting("web"));
        delay_ns = delay_ns * 2 < 30 * SECOND ? delay_ns * 2 : 30 * SECOND;
    }
    now_ns += 10 * SECOND; /* it was well for a time */
    crash();
    assert_null(strstr(said, "soon"));
}

static void who_was_asked_to_end_or_is_not_known_is_not_restarted(void **state)
{
    (void)state;
    guest_of(ACTION_RESTART)->asked_to_end = true;
    crash();
    assert_false(life_is_waiting("web"));
    *guest_of(ACTION_RESTART)->text = '\0'; /* it was too long to be kept */
    crash();
    assert_false(life_is_waiting("web"));
    assert_has(said, "web cannot be restarted: its configuration is not known");
}

static void a_restart_that_cannot_be_is_tried_again(void **state)
{
    struct json_out out = {0};

    (void)state;
    guest_of(ACTION_RESTART);
    now_ns += 20 * SECOND;
    crash();
    build_error = ENOMEM;
    assert_null(restarted());
    assert_has(said, "restart: guest web: no memory today; it is tried again");
    life_report(&out);
    assert_has(out.text, "\"state\":\"waiting\"");
    assert_has(out.text, "\"trouble\":\"guest web: no memory today\"");
    free(out.text);
    now_ns += 100 * MS - 1;
    assert_null(restarted());
    now_ns++;
    assert_null(restarted());
    assert_string_equal(said, ""); /* told once, until it is something else */
    now_ns += 200 * MS;
    build_error = 0;
    launch_error = ENODEV;
    assert_null(restarted());
    assert_has(said, "no launch today");
    now_ns += 400 * MS;
    launch_error = 0;
    assert_non_null(restarted());
}

static void a_disk_that_is_being_let_go_is_waited_for(void **state)
{
    (void)state;
    guest_of(ACTION_RESTART);
    now_ns += 20 * SECOND;
    crash();
    disk_error = EAGAIN;
    assert_null(restarted());
    assert_string_equal(said, "");
    now_ns += LIFE_AGAIN_NS - 1;
    assert_null(restarted());
    assert_string_equal(said, "");
    now_ns += 2 * MS;
    assert_null(restarted());
    assert_has(said, "a disk is held; it is tried again");
    disk_error = 0;
    now_ns += 100 * MS;
    assert_non_null(restarted());
}

static void a_name_that_was_given_meanwhile_ends_the_waiting(void **state)
{
    (void)state;
    guest_of(ACTION_RESTART);
    crash();
    name_error = EEXIST;
    now_ns += SECOND;
    assert_null(restarted());
    assert_has(said, "no restart: it is taken");
    assert_false(life_is_waiting("web"));
}

static void the_name_of_one_that_waits_is_taken(void **state)
{
    static struct config config = {.name = "web"};
    struct guest *guest;
    struct fail fail;

    (void)state;
    guest_of(ACTION_RESTART);
    crash();
    assert_int_equal(life_create(&host, &config, CONFIG, "web.cfg", false, &guest, NULL, &fail),
                     -EEXIST);
    assert_has(fail.text, "waits to be restarted; destroy it first");
    assert_false(life_cancel("other"));
    assert_true(life_cancel("web"));
    assert_false(life_is_waiting("web"));
    now_ns += SECOND;
    assert_null(restarted());
}

static void a_guest_is_made_of_a_shell_if_there_is_one(void **state)
{
    static struct config config = {.name = "web"};
    struct guest *guest;
    struct fail fail;
    bool was_shell;

    (void)state;
    pooled = enter(30, "shell");
    pooled->times.build_ns = 7; /* the pool's time */
    assert_int_equal(
        life_create(&host, &config, CONFIG, "web.cfg", false, &guest, &was_shell, &fail), 0);
    assert_true(was_shell);
    assert_ptr_equal(guest, pooled);
    assert_int_equal(guest->times.build_ns, 0);
    pooled = NULL;
    assert_int_equal(
        life_create(&host, &config, CONFIG, "web.cfg", false, &guest, &was_shell, &fail), 0);
    assert_false(was_shell);
}

/* Xen tells nobody of the end of one that xenstored does not know. */
static void one_is_looked_at_after_its_signs_of_life(void **state)
{
    (void)state;
    struct guest *guest = guest_of(ACTION_DESTROY);
    guest->introduced = true; /* xenstored will tell */
    life_suspect(guest);
    guest->introduced = false;
    assert_int_equal(life_work(&host, now_ns), UINT64_MAX);
    xen_says(0, 7, RUNNING);
    life_suspect(guest);
    life_suspect(guest);
    assert_int_equal(life_work(&host, now_ns), now_ns + 4 * MS);
    now_ns += 4 * MS;
    assert_int_equal(life_work(&host, now_ns), now_ns + 60 * MS);
    now_ns += 60 * MS;
    assert_int_equal(life_work(&host, now_ns), now_ns + SECOND);
    now_ns += 500 * MS;
    life_suspect(guest); /* another sign: from the beginning, when the look is due */
    now_ns += 500 * MS;
    assert_int_equal(life_work(&host, now_ns), now_ns + 4 * MS);
    host.domains_ended = false;
    xen_says(0, 7, SHUTDOWN(poweroff));
    now_ns += 4 * MS;
    life_work(&host, now_ns);
    assert_true(host.domains_ended);
    look();
    assert_has(told, "ended:poweroff");
    guest = guest_of(ACTION_DESTROY);
    life_suspect(guest);
    n_infos = 0;
    now_ns += 4 * MS;
    life_work(&host, now_ns);
    assert_true(host.domains_ended); /* it is not there any more */
}

static void a_look_at_one_that_has_gone_is_none(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        life_suspect(guest_of(ACTION_DESTROY));
        leave(host.by_domid[7]);
        if (i == 1) /* its number is another's */
            guest_of(ACTION_DESTROY);
        xen_says(0, 7, SHUTDOWN(poweroff));
        host.domains_ended = false;
        now_ns += 4 * MS;
        life_work(&host, now_ns);
        assert_false(host.domains_ended);
    }
}

static void all_are_looked_at_every_other_second(void **state)
{
    (void)state;
    guest_of(ACTION_DESTROY);
    life_sweep();
    life_sweep();
    host.domains_ended = false;
    uint64_t due_ns = life_work(&host, now_ns);
    assert_int_equal(due_ns, now_ns + 2 * SECOND);
    assert_false(host.domains_ended);
    now_ns = due_ns;
    assert_int_equal(life_work(&host, now_ns), now_ns + 2 * SECOND);
    assert_true(host.domains_ended);
    leave(host.by_domid[7]);
    now_ns += 2 * SECOND;
    assert_int_equal(life_work(&host, now_ns), UINT64_MAX); /* there is none */
    xl_due_ns = now_ns + 5;
    assert_int_equal(life_work(&host, now_ns), now_ns + 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_end_is_what_its_reason_says),
        TEST(one_that_xen_does_not_list_has_gone),
        TEST(many_are_looked_at_in_batches),
        TEST(that_xen_does_not_list_any_is_told_once),
        TEST(one_that_is_kept_is_so_once),
        TEST(a_shell_that_somebody_destroys_is_lost_to_its_pool),
        TEST(one_that_suspends_is_told_of_once_and_goes_on),
        TEST(one_that_ends_again_and_again_is_held_back_ever_longer),
        TEST(who_was_asked_to_end_or_is_not_known_is_not_restarted),
        TEST(a_restart_that_cannot_be_is_tried_again),
        TEST(a_disk_that_is_being_let_go_is_waited_for),
        TEST(a_name_that_was_given_meanwhile_ends_the_waiting),
        TEST(the_name_of_one_that_waits_is_taken),
        TEST(a_guest_is_made_of_a_shell_if_there_is_one),
        TEST(one_is_looked_at_after_its_signs_of_life),
        TEST(a_look_at_one_that_has_gone_is_none),
        TEST(all_are_looked_at_every_other_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
