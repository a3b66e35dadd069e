/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of xlconfig.c: the file that libxl has of a guest, as far as the launcher writes it. */
#include "xlfolder.h"

#include "fake_domains.h"
#include "guest.h"
#include "host.h"
#include "json.h"
#include "log.h"
#include "store.h"
#include "xlconfig.h"

static struct host host;
static int write_refusal; /* an errno of write() */
static bool is_hidden;    /* from access(), what there is */
static size_t write_max;  /* then there is no more room */
static char said[2048], asked[512];
static unsigned n_flushed;
static int store_error;
static const char *target; /* what xenstore has of the guest; NULL: nothing */
static uint64_t now_ns = 1000;
static struct guest guest;
static struct config config;

/* What xlconfig.c asks of the rest of the daemon and of the machine. */

void log_line(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(said + strlen(said), sizeof(said) - strlen(said), format, args);
    va_end(args);
}

void store_write(struct store *store, const char *value, const char *path, ...)
{
    va_list args;

    (void)store;
    va_start(args, path);
    vsnprintf(asked + strlen(asked), sizeof(asked) - strlen(asked), path, args);
    va_end(args);
    snprintf(asked + strlen(asked), sizeof(asked) - strlen(asked), "=%s ", value);
}

int store_read(struct store *store, const char *path, char **value, struct fail *fail)
{
    (void)store;
    assert_string_equal(path, "/local/domain/7/memory/target");
    if (store_error)
        return fail_set(fail, -store_error, "refused");
    if (!target)
        return fail_set(fail, ENOENT, "there is no %s", path);
    *value = strdup(target);
    return 0;
}

int store_flush(struct store *store, struct fail *fail)
{
    (void)store;
    n_flushed++;
    return store_error ? fail_set(fail, -store_error, "refused") : 0;
}

uint64_t host_now_ns(void)
{
    return now_ns;
}

ssize_t __real_write(int fd, const void *bytes, size_t n);
ssize_t __wrap_write(int fd, const void *bytes, size_t n);
ssize_t __wrap_write(int fd, const void *bytes, size_t n)
{
    errno = write_refusal;
    return write_refusal ? -1 : __real_write(fd, bytes, n < write_max ? n : write_max);
}

int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
int __wrap_access(const char *path, int mode)
{
    errno = ENOENT;
    return is_hidden ? -1 : __real_access(moved(path), mode);
}

int __wrap_link(const char *path, const char *to);
int __real_link(const char *path, const char *to);
int __wrap_link(const char *path, const char *to)
{
    return __real_link(moved(path), moved(to));
}

int __wrap_rename(const char *path, const char *to);
int __real_rename(const char *path, const char *to);
int __wrap_rename(const char *path, const char *to)
{
    return __real_rename(moved(path), moved(to));
}

/* The file's text; the caller's. NULL: there is none. */
static char *text_of(const char *path)
{
    FILE *stream = fopen(path, "re");
    char *text = calloc(1, 8192);

    if (!stream) {
        free(text);
        return NULL;
    }
    assert_true(fread(text, 1, 8191, stream) < 8191);
    fclose(stream);
    return text;
}

static void assert_text(const char *path, const char *expected)
{
    char *text = text_of(path);

    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static int begin(void **state)
{
    (void)state;
    refusal = write_refusal = store_error = 0;
    write_max = SIZE_MAX;
    is_hidden = false;
    target = NULL;
    host.by_domid[7] = NULL;
    xlconfig_work(&host, UINT64_MAX); /* what another test left waiting */
    n_flushed = 0;
    *said = *asked = '\0';
    guest = (struct guest){.domid = 7, .name = "web", .memory_mib = 3};
    for (uint8_t i = 0; i < 16; i++)
        guest.uuid[i] = i;
    config = (struct config){.kernel = "/a/web.xen",
                             .cmdline = "say \"hello\"",
                             .max_event_channels = 64,
                             .max_grant_frames = 4,
                             .max_maptrack_frames = 2};
    return 0;
}

static int end(void **state)
{
    (void)state;
    __real_unlink(file("d", "libxl-json"));
    return 0;
}

static void it_is_what_libxl_reads(void **state)
{
    struct fail fail;
    struct json *json;

    (void)state;
    strcpy(config.pool, "slow");
    strcpy(config.ramdisk, "/a/ramdisk");
    config.tsc_mode = 2;
    config.cpus_given = true;
    config.cpus[0] = 0x82;
    config.cpus[31] = 0x80;
    config.on_reboot = ACTION_RESTART;
    config.on_crash = ACTION_PRESERVE;
    config.n_vifs = 2;
    strcpy(config.vifs[0].bridge, "xenbr0");
    config.vifs[0].mac_given = true;
    memcpy(config.vifs[0].mac, "\x02\x00\x00\x00\x00\x07", 6);
    strcpy(config.vifs[1].ip, "10.0.0.2");
    config.n_disks = 1;
    strcpy(config.disks[0].target, "/dev/vg/disk");
    strcpy(config.disks[0].vdev, "xvda");
    config.disks[0].read_only = true;
    xlconfig_write(&guest, &config);
    assert_true(guest.known_to_xl);
    char *text = text_of(file("d", "libxl-json"));
    assert_non_null(text);
    assert_int_equal(json_parse(text, strlen(text), &json, &fail), 0);
    const struct json *info = json_get(json, "c_info");
    assert_string_equal(json_get_string(info, "type", ""), "pv");
    assert_string_equal(json_get_string(info, "name", ""), "web");
    assert_string_equal(json_get_string(info, "uuid", ""), UUID);
    assert_string_equal(json_get_string(info, "pool_name", ""), "slow");
    info = json_get(json, "b_info");
    assert_string_equal(json_get_string(info, "kernel", ""), "/a/web.xen");
    assert_string_equal(json_get_string(info, "ramdisk", ""), "/a/ramdisk");
    assert_string_equal(json_get_string(info, "cmdline", ""), config.cmdline);
    assert_string_equal(json_get_string(info, "tsc_mode", ""), "native");
    assert_has(text, "\"vcpu_hard_affinity\":[[1,7,255]],");
    assert_string_equal(json_get_string(json, "on_poweroff", ""), "destroy");
    assert_string_equal(json_get_string(json, "on_reboot", ""), "restart");
    assert_string_equal(json_get_string(json, "on_crash", ""), "preserve");
    assert_int_equal(json_get_number(info, "event_channels", 0), 64);
    assert_int_equal(json_get_number(info, "max_grant_frames", 0), 4);
    assert_int_equal(json_get_number(info, "max_maptrack_frames", 0), 2);
    assert_int_equal(json_get(info, "type.pv")->type, JSON_OBJECT);
    const struct json *vif = json_get(json, "nics")->first;
    assert_string_equal(json_get_string(vif, "mac", ""), "02:00:00:00:00:07");
    assert_string_equal(json_get_string(vif, "bridge", ""), "xenbr0");
    assert_null(json_get(vif, "ip"));
    assert_int_equal(json_get_number(vif->next, "devid", 0), 1);
    assert_null(json_get(vif->next, "mac"));
    assert_string_equal(json_get_string(vif->next, "ip", ""), "10.0.0.2");
    const struct json *disk = json_get(json, "disks")->first;
    assert_string_equal(json_get_string(disk, "pdev_path", ""), "/dev/vg/disk");
    assert_string_equal(json_get_string(disk, "vdev", ""), "xvda");
    assert_int_equal(json_get_number(disk, "readwrite", 1), 0);
    json_free(json);
    free(text);
}

static void a_new_domain_has_no_file_of_an_older_one(void **state)
{
    (void)state;
    config.max_grant_frames = config.max_maptrack_frames = -1;
    put(file("d", "libxl-json"), "of a domain with this number, before dom0 was started again");
    xlconfig_write(&guest, &config);
    char *text = text_of(file("d", "libxl-json"));
    assert_null(strstr(text, "max_")); /* Xen's own choice */
    assert_null(strstr(text, "affinity"));
    assert_null(strstr(text, "ramdisk"));
    assert_int_equal(strncmp(text, "{\"c_info\":", 10), 0);
    free(text);
}

static void what_xl_wrote_is_kept_when_a_guest_is_taken_over(void **state)
{
    (void)state;
    put(file("d", "libxl-json"), "xl's");
    put(file("s", "libxl-json"), "");
    xlconfig_adopt(&host, &guest, &config);
    assert_true(guest.known_to_xl);
    assert_text(file("d", "libxl-json"), "xl's");
    is_hidden = true; /* it comes just now */
    xlconfig_adopt(&host, &guest, &config);
    assert_true(guest.known_to_xl);
    is_hidden = false;
    assert_text(file("d", "libxl-json"), "xl's");
    assert_null(text_of(file("s", "libxl-json")));
    __real_unlink(file("d", "libxl-json"));
    xlconfig_adopt(&host, &guest, &config);
    assert_true(guest.known_to_xl);
    char *text = text_of(file("d", "libxl-json"));
    assert_non_null(text);
    assert_null(text_of(file("s", "libxl-json")));
    free(text);
}

static void of_a_guest_of_unknown_configuration_none_is_written(void **state)
{
    (void)state;
    xlconfig_adopt(&host, &guest, NULL);
    assert_false(guest.known_to_xl);
    assert_null(text_of(file("d", "libxl-json")));
    assert_int_equal(xlconfig_work(&host, now_ns), UINT64_MAX); /* nor nodes */
    put(file("d", "libxl-json"), "an earlier daemon's");
    xlconfig_adopt(&host, &guest, NULL);
    assert_true(guest.known_to_xl); /* and it goes with the guest */
    assert_text(file("d", "libxl-json"), "an earlier daemon's");
}

static void the_memory_that_xl_has_set_stays_when_a_guest_is_taken_over(void **state)
{
    (void)state;
    host.by_domid[7] = &guest;
    put(file("d", "libxl-json"), "xl's");
    target = "2048";
    xlconfig_adopt(&host, &guest, &config);
    assert_int_equal(xlconfig_work(&host, now_ns + 1000000000), UINT64_MAX);
    assert_string_equal(asked, "");
    store_error = -EIO; /* it may be there */
    xlconfig_adopt(&host, &guest, &config);
    store_error = 0;
    assert_int_equal(xlconfig_work(&host, now_ns + 1000000000), UINT64_MAX);
    assert_string_equal(asked, "");
    target = NULL; /* the daemon was killed before it had written it */
    xlconfig_adopt(&host, &guest, &config);
    assert_int_equal(xlconfig_work(&host, now_ns + 1000000000), UINT64_MAX);
    assert_has(asked, "/memory/target=3072 ");
}

static void that_it_cannot_be_written_is_told_once(void **state)
{
    (void)state;
    refusal = ENOSPC;
    xlconfig_write(&guest, &config);
    assert_false(guest.known_to_xl);
    assert_has(said, "No space left");
    assert_int_equal(xlconfig_work(&host, now_ns), UINT64_MAX);
    *said = '\0';
    xlconfig_write(&guest, &config);
    assert_string_equal(said, "");
}

static void of_one_that_cannot_be_written_nothing_is_left(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        write_refusal = i & 2 ? EDQUOT : 0;
        write_max = 5;
        if (i & 1)
            xlconfig_adopt(&host, &guest, &config);
        else
            xlconfig_write(&guest, &config);
        assert_false(guest.known_to_xl);
        assert_null(text_of(file("d", "libxl-json")));
        assert_null(text_of(file("s", "libxl-json")));
    }
}

static void nothing_of_one_that_was_begun_before_is_in_it(void **state)
{
    char begun[2000] = "";

    (void)state;
    memset(begun, 'x', sizeof(begun) - 1);
    put(file("s", "libxl-json"), begun);
    xlconfig_write(&guest, &config);
    char *text = text_of(file("d", "libxl-json"));
    assert_non_null(text);
    assert_null(strstr(text, "xxx"));
    free(text);
    assert_null(text_of(file("s", "libxl-json")));
}

static void its_memory_is_told_within_a_second(void **state)
{
    (void)state;
    xlconfig_write(&guest, &config);
    uint64_t due_ns = xlconfig_work(&host, now_ns);
    assert_true(due_ns > now_ns && due_ns <= now_ns + 1000000000);
    assert_string_equal(asked, "");
    host.by_domid[7] = &guest;
    assert_int_equal(xlconfig_work(&host, due_ns), UINT64_MAX);
    assert_string_equal(asked, "/local/domain/7/memory/target=3072 "
                               "/local/domain/7/memory/static-max=3072 ");
    assert_int_equal(n_flushed, 1);
}

static void of_a_guest_that_has_gone_nothing_is_told(void **state)
{
    struct guest shell = {.domid = 7};

    (void)state;
    xlconfig_write(&guest, &config);
    assert_int_equal(xlconfig_work(&host, now_ns + 1000000000), UINT64_MAX);
    assert_string_equal(asked, "");
    xlconfig_write(&guest, &config);
    host.by_domid[7] = &shell; /* its number is another's by now */
    assert_int_equal(xlconfig_work(&host, now_ns + 1000000000), UINT64_MAX);
    assert_string_equal(asked, "");
}

static void many_are_told_in_turns(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        xlconfig_write(&guest, &config);
    uint64_t due_ns = xlconfig_work(&host, now_ns);
    assert_int_equal(xlconfig_work(&host, due_ns), due_ns); /* there is more */
    assert_int_equal(xlconfig_work(&host, due_ns), UINT64_MAX);
}

static void no_more_wait_than_there_are_domains(void **state)
{
    unsigned n_turns = 0;

    (void)state;
    xlconfig_write(&guest, &config);
    for (int i = 1; i < HOST_DOMAINS + 64; i++)
        xlconfig_adopt(&host, &guest, &config); /* which is quicker, as the file is there */
    do
        n_turns++;
    while (xlconfig_work(&host, now_ns + 1000000000) != UINT64_MAX);
    assert_int_equal(n_turns, (HOST_DOMAINS + 63) / 64);
}

static void a_store_that_refuses_is_told_of(void **state)
{
    (void)state;
    host.by_domid[7] = &guest;
    xlconfig_write(&guest, &config);
    store_error = -EDQUOT;
    xlconfig_work(&host, now_ns + 1000000000);
    assert_has(said, "xl: refused");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_what_libxl_reads),
        TEST(a_new_domain_has_no_file_of_an_older_one),
        TEST(what_xl_wrote_is_kept_when_a_guest_is_taken_over),
        TEST(of_a_guest_of_unknown_configuration_none_is_written),
        TEST(the_memory_that_xl_has_set_stays_when_a_guest_is_taken_over),
        TEST(that_it_cannot_be_written_is_told_once),
        TEST(of_one_that_cannot_be_written_nothing_is_left),
        TEST(nothing_of_one_that_was_begun_before_is_in_it),
        TEST(its_memory_is_told_within_a_second),
        TEST(of_a_guest_that_has_gone_nothing_is_told),
        TEST(many_are_told_in_turns),
        TEST(no_more_wait_than_there_are_domains),
        TEST(a_store_that_refuses_is_told_of),
    };

    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
