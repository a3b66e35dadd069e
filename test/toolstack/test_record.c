/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of record.c: what a launcher leaves for the next one, and what the next one makes of it. */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake_domains.h"
#include "guest.h"
#include "host.h"
#include "log.h"
#include "record.h"
#include "store.h"
#include "xlrest.h"

#define GOOD "2 1 100 3 101 4 102 777 web /a/web.cfg\nname = 'web'\n"

static struct host host;
static struct fail fail;
static char written[8192];
static char said[1024];    /* to the log */
static char removed[512];  /* paths, each with a blank behind it */
static const char *record; /* of domain 5; NULL: it has none */
static const char *named;  /* what xenstore calls it; NULL: nothing */
static struct guest *adopted;
static unsigned n_destroyed, n_released, n_looked;
static const char *const *vifs; /* domains with backends, as xenstored lists them */

/* What record.c asks of the rest of the daemon, of Xen and of xenstored. */

void log_line(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(said + strlen(said), sizeof(said) - strlen(said), format, args);
    va_end(args);
}

void store_write(struct store *store, const char *value, const char *path, ...)
{
    (void)store;
    (void)path;
    snprintf(written, sizeof(written), "%s", value);
}

void device_remove_all(struct host *at, const char *kind, uint32_t domid)
{
    (void)at;
    sprintf(removed + strlen(removed), "%s/%u ", kind, domid);
}

void device_remove_notes(struct host *at, uint32_t domid)
{
    (void)at;
    sprintf(removed + strlen(removed), "/libxl/%u ", domid);
}

void device_remove_domain(struct host *at, uint32_t domid)
{
    (void)at;
    sprintf(removed + strlen(removed), "all/%u ", domid);
}

void store_release(struct store *store, uint32_t domid)
{
    (void)store;
    (void)domid;
    n_released++;
}

int store_flush(struct store *store, struct fail *why)
{
    (void)store;
    (void)why;
    return 0;
}

int store_read(struct store *store, const char *path, char **value, struct fail *why)
{
    (void)store;
    if (named && strcmp(path, "/local/domain/5/name") == 0) {
        *value = strdup(named);
        return 0;
    }
    if (!record || strcmp(path, "/local/domain/5/sprat") != 0)
        return fail_set(why, ENOENT, "there is no %s", path);
    *value = strdup(record);
    return 0;
}

int store_list(struct store *store, const char *path, char ***names, struct fail *why)
{
    (void)store;
    if (!vifs || !strstr(path, "/vif"))
        return fail_set(why, vifs ? ENOENT : E2BIG, "no list of %s", path);
    *names = calloc(8, sizeof(**names));
    for (size_t i = 0; vifs[i]; i++)
        (*names)[i] = (char *)vifs[i];
    return 0;
}

int xc_domain_destroy(xc_interface *control, uint32_t domid)
{
    (void)control;
    (void)domid;
    n_destroyed++;
    return 0;
}

int console_terminal_name(const struct console *console, char *name, size_t size)
{
    (void)console;
    (void)name;
    (void)size;
    return -ENOTTY;
}

void xlrest_find(struct host *at)
{
    (void)at;
    n_looked++;
}

int guest_adopt(struct host *at, struct guest *guest, struct fail *why)
{
    (void)at;
    (void)why;
    adopted = guest;
    return 0;
}

static void forget(void)
{
    if (adopted) {
        free(adopted->text);
        free(adopted->file);
        free(adopted);
    }
    adopted = NULL;
}

static int begin(void **state)
{
    static const char *const none[] = {NULL};

    (void)state;
    vifs = none;
    *said = *removed = '\0';
    n_destroyed = n_released = 0;
    n_infos = 1;
    infos[0] = (xc_domaininfo_t){.domain = 5, .tot_pages = 512};
    record = GOOD;
    named = NULL;
    return 0;
}

static int end(void **state)
{
    (void)state;
    forget();
    return 0;
}

/* Look for guests; return how many were taken over. */
static unsigned adopt_all(unsigned *n_removed)
{
    unsigned n_adopted;

    forget();
    assert_int_equal(record_adopt_all(&host, n_removed, &n_adopted, &fail), 0);
    return n_adopted;
}

static void what_was_written_is_read_again(void **state)
{
    struct guest guest = {.domid = 5,
                          .introduced = true,
                          .store_mfn = 1ull << 40,
                          .store_port = 3,
                          .console_mfn = 101,
                          .console_port = 4,
                          .start_info_mfn = 102,
                          .config_crc = UINT32_MAX,
                          .name = "web",
                          .file = "a file.cfg",
                          .text = "name = 'web'\nmemory = 1\n"};
    unsigned n_removed;

    (void)state;
    record_write(&host, &guest);
    record = written;
    assert_int_equal(adopt_all(&n_removed), 1);
    assert_int_equal(n_removed, 0);
    assert_true(adopted->introduced);
    assert_int_equal(adopted->domid, 5);
    assert_int_equal(adopted->memory_mib, 2);
    assert_int_equal(adopted->store_mfn, guest.store_mfn);
    assert_int_equal(adopted->store_port, 3);
    assert_int_equal(adopted->console_mfn, 101);
    assert_int_equal(adopted->console_port, 4);
    assert_int_equal(adopted->start_info_mfn, 102);
    assert_int_equal(adopted->config_crc, UINT32_MAX);
    assert_string_equal(adopted->name, "web");
    assert_string_equal(adopted->file, guest.file);
    assert_string_equal(adopted->text, guest.text);
}

static void the_name_is_what_xenstore_has(void **state)
{
    static char text[CONFIG_NAME_MAX + 1];
    unsigned n_removed;

    (void)state;
    named = "new-web"; /* xl has renamed it */
    assert_int_equal(adopt_all(&n_removed), 1);
    assert_string_equal(adopted->name, "new-web");
    memset(text, 'x', CONFIG_NAME_MAX);
    named = text; /* a name that the launcher would give nobody */
    assert_int_equal(adopt_all(&n_removed), 1);
    assert_string_equal(adopted->name, "web");
}

static void of_a_text_that_is_too_long_nothing_is_kept(void **state)
{
    static char text[5000];
    struct guest guest = {.name = "web", .file = "a.cfg", .text = text};
    unsigned n_removed;

    (void)state;
    memset(text, '#', sizeof(text) - 1);
    record_write(&host, &guest);
    record = written;
    assert_int_equal(adopt_all(&n_removed), 1);
    assert_string_equal(adopted->name, "web");
    assert_string_equal(adopted->file, "a.cfg");
    assert_string_equal(adopted->text, "");
}

static void what_is_no_record_is_left_alone(void **state)
{
    static const char *const bad[] = {
        "",
        "text",
        "1 1 100 3 101 4 102 777 web /a\n",
        "3 1 100 3 101 4 102 777 web /a\n",
        "2",
        "2 1 100 3 101 4 102",
        "2 x 100 3 101 4 102 777 web /a\n",
        "2 1  3 101 4 102 777 web /a\n",
        "2 1 -1 3 101 4 102 777 web /a\n",
        "2 1 99999999999999999999 3 101 4 102 777 web /a\n",
        "2 1 100,3 101 4 102 777 web /a\n",
        "2 1 100 x 101 4 102 777 web /a\n",
        "2 1 100 3 x 4 102 777 web /a\n",
        "2 1 100 3 101 x 102 777 web /a\n",
        "2 1 100 3 101 4 x 777 web /a\n",
        "2 1 100 3 101 4 102 x web /a\n",
        "2 1 100 3 101 4 102 777  /a\n",
    };
    unsigned n_removed;
    char text[512];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        record = bad[i];
        *said = '\0';
        if (adopt_all(&n_removed))
            fail_msg("taken over: %s", bad[i]);
        assert_int_equal(n_removed, 0);
        assert_has(said, "domain 5 cannot be taken over: its record is of another version");
    }
    snprintf(text, sizeof(text), "2 1 100 3 101 4 102 777 a%0*d /a\n", CONFIG_NAME_MAX - 1, 0);
    record = text;
    assert_int_equal(adopt_all(&n_removed), 0); /* the guest's name is too long */
    snprintf(text, sizeof(text), "2 1 100 3 101 4 102 777 web /%0*d\n", 255, 0);
    record = text;
    assert_int_equal(adopt_all(&n_removed), 0); /* the file's name is too long */
    snprintf(text, sizeof(text), "2 1 100 3 101 4 102 777 web /%0*d\n", 254, 0);
    assert_int_equal(adopt_all(&n_removed), 1);
    record = NULL; /* it is another toolstack's */
    *said = '\0';
    assert_int_equal(adopt_all(&n_removed), 0);
    assert_string_equal(said, "");
    assert_int_equal(n_destroyed, 0);
}

static void a_record_cut_off_anywhere_is_no_harm(void **state)
{
    unsigned n_removed;

    (void)state;
    for (size_t len = 0; len < strlen(GOOD); len++) {
        char *text = strndup(GOOD, len);
        record = text;
        adopt_all(&n_removed);
        free(text);
    }
}

static void what_bears_the_mark_is_removed(void **state)
{
    unsigned n_removed;

    (void)state;
    memcpy(infos[0].handle, GUEST_MARK, GUEST_MARK_BYTES);
    assert_int_equal(adopt_all(&n_removed), 0);
    assert_int_equal(n_removed, 1);
    assert_int_equal(n_destroyed, 1);
    assert_int_equal(n_released, 1);
    assert_string_equal(removed, "all/5 ");
    infos[0].flags = XEN_DOMINF_dying; /* somebody destroys it already */
    assert_int_equal(adopt_all(&n_removed), 0);
    assert_int_equal(n_removed, 0);
}

static void what_domains_that_have_gone_left_is_removed(void **state)
{
    static const char *const left[] = {"5", "6", "x", "7x", "", NULL};
    unsigned n_removed;

    (void)state;
    record = NULL;
    vifs = left;
    n_looked = 0;
    assert_int_equal(adopt_all(&n_removed), 0);
    assert_string_equal(removed, "vif/6 /libxl/6 ");
    assert_int_equal(n_looked, 1);
    vifs = NULL;
    *removed = '\0';
    assert_int_equal(adopt_all(&n_removed), 0);
    assert_string_equal(removed, "");
    assert_has(said, "left-overs are not looked for: no list of ");
}

static void without_xens_list_there_is_no_start(void **state)
{
    unsigned n_removed, n_adopted;

    (void)state;
    n_infos = -1;
    assert_int_equal(record_adopt_all(&host, &n_removed, &n_adopted, &fail), -EPERM);
    assert_has(fail.text, "cannot list the domains");
}

static void reserved_domains_are_nobodys(void **state)
{
    unsigned n_removed;

    (void)state;
    infos[0].domain = HOST_DOMAINS;
    memcpy(infos[0].handle, GUEST_MARK, GUEST_MARK_BYTES);
    assert_int_equal(adopt_all(&n_removed), 0);
    assert_int_equal(n_removed, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_written_is_read_again),
        TEST(the_name_is_what_xenstore_has),
        TEST(of_a_text_that_is_too_long_nothing_is_kept),
        TEST(what_is_no_record_is_left_alone),
        TEST(a_record_cut_off_anywhere_is_no_harm),
        TEST(what_bears_the_mark_is_removed),
        TEST(what_domains_that_have_gone_left_is_removed),
        TEST(without_xens_list_there_is_no_start),
        TEST(reserved_domains_are_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
