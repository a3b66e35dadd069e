/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of xlrest.c and xlfile.c: what xl knew of guests goes with them, and nobody else's. */
#include "xlfolder.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <xen/io/xs_wire.h>

#include "device.h"
#include "fake_domains.h"
#include "guest.h"
#include "host.h"
#include "log.h"
#include "store.h"
#include "xlrest.h"

#define OTHER  "10111213-1415-1617-1819-1a1b1c1d1e1f"
#define SECOND 1000000000ull
#define SOON   50000000ull
#define TX     9
#define VM_MAX 4

static struct host host;
static struct guest guest;
static uint64_t now_ns = 1000;
static char said[512];
static unsigned n_removed; /* all nodes of a domain */

/* xenstored. */
static char vm[VM_MAX][37];        /* what is below /vm; "" for none */
static const char *whole;          /* the one of them that has a "uuid": libxl's own */
static char removing[37 * VM_MAX]; /* in the transaction */
static unsigned n_begun, n_ends;   /* transactions; those that were to change something */
static int list_error, read_error, rm_error, end_error, start_error;
static bool is_gone; /* for good: it answers nothing */

static const char *device_lists[3]; /* of /libxl, vif and vbd, each one name; NULL: none */
static int device_error;

static const uint8_t other_uuid[16] =
    "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f";
static const uint8_t mark[16] = "Sprat-shell12345";

void log_line(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(said + strlen(said), sizeof(said) - strlen(said), format, args);
    va_end(args);
}

uint64_t host_now_ns(void)
{
    return now_ns;
}

static int serve_devices(const char *text, char *reply, size_t *len)
{
    static const char *const folders[] = {"/libxl", "/local/domain/0/backend/vif",
                                          "/local/domain/0/backend/vbd"};

    for (size_t i = 0; i < 3; i++) {
        if (strcmp(text, folders[i]) != 0)
            continue;
        if (device_lists[i])
            *len = (size_t)sprintf(reply, "%s%c6%c", device_lists[i], 0, 0);
        return device_lists[i] ? 0 : device_error;
    }
    fail_msg("a list of %s", text);
    return -EINVAL;
}

static int serve(uint32_t type, uint32_t tx, const char *text, char *reply, size_t *len)
{
    *len = 0;
    if (type == XS_DIRECTORY && strcmp(text, "/vm") != 0) {
        assert_int_equal(tx, 0);
        return serve_devices(text, reply, len);
    }
    assert_int_equal(tx, type == XS_TRANSACTION_START ? 0 : TX);
    switch (type) {
    case XS_TRANSACTION_START:
        n_begun++;
        *removing = '\0';
        *len = (size_t)sprintf(reply, "%d", TX) + 1;
        return start_error;
    case XS_DIRECTORY:
        for (size_t i = 0; i < VM_MAX; i++)
            if (*vm[i])
                *len += (size_t)sprintf(reply + *len, "%s", vm[i]) + 1;
        return list_error;
    case XS_RM:
        assert_int_equal(strncmp(text, "/vm/", 4), 0);
        strcat(removing, text + 4);
        return rm_error;
    case XS_TRANSACTION_END:
        n_ends += *text == 'T';
        for (size_t i = 0; i < VM_MAX && *text == 'T' && !end_error; i++)
            if (strstr(removing, vm[i]))
                *vm[i] = '\0';
        return end_error;
    }
    fail_msg("request %u", type);
    return -EINVAL;
}

static store_answered *answered_last;
static void *context_last;
static struct {
    int error;
    size_t len;
    char text[XENSTORE_PAYLOAD_MAX + 1];
} reply_last;

void store_pass_on(struct store *store, uint32_t type, uint32_t tx, const void *payload, size_t len,
                   store_answered *answered, void *context)
{
    (void)store;
    assert_int_equal(((const char *)payload)[len - 1], '\0');
    reply_last.error = serve(type, tx, payload, reply_last.text, &reply_last.len);
    answered_last = answered;
    context_last = context;
}

int store_flush(struct store *store, struct fail *fail)
{
    (void)store;
    if (is_gone)
        return fail_set(fail, EPIPE, "gone");
    if (answered_last)
        answered_last(context_last, reply_last.error, reply_last.text, reply_last.len);
    answered_last = NULL;
    return 0;
}

void device_remove_domain(struct host *at, uint32_t domid)
{
    (void)at;
    assert_true(domid == 7 || domid == 6);
    n_removed++;
}

int store_list(struct store *store, const char *path, char ***names, struct fail *fail)
{
    (void)store;
    assert_string_equal(path, "/vm");
    if (list_error)
        return fail_set(fail, -list_error, "no list");
    *names = calloc(VM_MAX + 1, sizeof(**names));
    for (size_t i = 0, n = 0; i < VM_MAX; i++)
        if (*vm[i])
            (*names)[n++] = vm[i];
    return 0;
}

int store_read(struct store *store, const char *path, char **value, struct fail *fail)
{
    (void)store;
    assert_string_equal(path + strlen(path) - 5, "/uuid");
    if (read_error)
        return fail_set(fail, -read_error, "refused");
    if (!whole || strncmp(path + 4, whole, 36) != 0)
        return fail_set(fail, ENOENT, "none");
    *value = strdup(whole);
    return 0;
}

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
DIR *__wrap_opendir(const char *path)
{
    assert_string_equal(path, "/var/lib/xen");
    return __real_opendir(folder);
}

static bool is_replaced; /* a lock's file, as soon as it is had */

int __real_stat(const char *path, struct stat *stat);
int __wrap_stat(const char *path, struct stat *stat);
int __wrap_stat(const char *path, struct stat *stat)
{
    if (is_replaced) {
        __real_unlink(moved(path));
        put(moved(path), "another's");
    }
    return __real_stat(moved(path), stat);
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static void bear(int i, uint32_t domid, uint8_t first)
{
    infos[i].domain = (uint16_t)domid;
    for (uint8_t k = 0; k < 16; k++)
        infos[i].handle[k] = (uint8_t)(first + k);
    n_infos = i + 1;
}

static int begin(void **state)
{
    (void)state;
    memset(vm, 0, sizeof(vm));
    *said = *removing = '\0';
    whole = NULL;
    n_begun = n_ends = n_removed = 0;
    memset(device_lists, 0, sizeof(device_lists));
    device_error = -ENOENT;
    list_error = read_error = rm_error = end_error = start_error = refusal = 0;
    is_gone = is_replaced = false;
    n_infos = 0;
    guest = (struct guest){.domid = 7};
    for (uint8_t i = 0; i < 16; i++)
        guest.uuid[i] = i;
    return 0;
}

static int end(void **state)
{
    struct dirent *entry;
    DIR *all = __real_opendir(folder);

    (void)state;
    is_gone = false;
    end_error = 0;
    xlrest_end(&host);
    while ((entry = readdir(all)))
        __real_unlink(moved((sprintf(said, "/var/lib/xen/%s", entry->d_name), said)));
    closedir(all);
    return 0;
}

static void files_go_with_the_locks_that_xl_left(void **state)
{
    (void)state;
    put(file("d", "libxl-json"), "the launcher's");
    put(file("n", "libxl-json"), "of an xl that was killed");
    put(file("l", "domain-userdata-lock"), "");
    put(file("l", "libxl-device-changes-lock"), "");
    xlrest_leave(&guest, mark);
    assert_false(is_there(file("d", "libxl-json")));
    assert_false(is_there(file("n", "libxl-json")));
    assert_false(is_there(file("l", "domain-userdata-lock")));
    assert_false(is_there(file("l", "libxl-device-changes-lock")));
}

static int hold_lock(void)
{
    put(file("d", "libxl-json"), "the launcher's");
    put(file("l", "domain-userdata-lock"), "");
    int fd = __real_open(file("l", "domain-userdata-lock"), O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    return fd;
}

static void let_lock_go(int fd)
{
    __real_unlink(file("l", "domain-userdata-lock"));
    close(fd);
}

/* It may be about to write, by the UUID that it asked Xen for, or by the mark. */
static void while_xl_holds_the_lock_its_files_stay(void **state)
{
    char of_mark[256];

    (void)state;
    int fd = hold_lock();
    device_lists[0] = "7";
    xlrest_leave(&guest, mark);
    assert_true(is_there(file("d", "libxl-json")));
    assert_int_equal(xlrest_work(&host, now_ns), now_ns + SOON);
    assert_int_equal(xlrest_work(&host, now_ns + SOON), now_ns + 2 * SOON);
    assert_true(is_there(file("d", "libxl-json")));
    assert_true(is_there(file("l", "domain-userdata-lock")));
    put(file("d", "libxl-json"), "xl's");
    snprintf(of_mark, sizeof(of_mark),
             "%s/userdata-d.7.53707261-742d-7368-656c-6c3132333435.libxl-json", folder);
    put(of_mark, "xl's");
    assert_int_equal(n_removed, 0);
    let_lock_go(fd);
    assert_int_equal(xlrest_work(&host, now_ns + 2 * SOON), now_ns + SECOND);
    assert_int_equal(n_removed, 0);
    assert_int_equal(xlrest_work(&host, now_ns + SECOND), now_ns + 2 * SECOND);
    assert_int_equal(n_removed, 0); /* Linux may just be looking at it */
    assert_int_equal(xlrest_work(&host, now_ns + 2 * SECOND), UINT64_MAX);
    assert_int_equal(n_removed, 1); /* xl has given it a device meanwhile */
    assert_false(is_there(file("d", "libxl-json")));
    assert_false(is_there(of_mark));
    assert_false(is_there(file("l", "domain-userdata-lock")));
    assert_int_equal(xlrest_work(&host, UINT64_MAX), UINT64_MAX);
}

static void devices_that_came_as_it_went_go(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        device_lists[i] = "7";
        device_lists[(i + 1) % 3] = "77";
        xlrest_leave(&guest, mark);
        xlrest_work(&host, now_ns + SECOND);
        assert_int_equal(n_removed, i + 1);
        memset(device_lists, 0, sizeof(device_lists));
        xlrest_leave(&guest, mark);
        xlrest_work(&host, now_ns + SECOND);
        assert_int_equal(n_removed, i + 1); /* most have none */
    }
    device_error = -E2BIG; /* others have many */
    bear(0, 7, 0);
    memcpy(infos[0].handle, mark, 16); /* it is not gone altogether */
    xlrest_leave(&guest, mark);
    xlrest_work(&host, now_ns + SECOND);
    assert_int_equal(n_removed, 4);
    bear(0, 7, 16); /* its number is another's */
    xlrest_leave(&guest, mark);
    xlrest_work(&host, now_ns + SECOND);
    assert_int_equal(n_removed, 4);
    n_infos = 0;
    device_error = -EIO; /* it is not known whether there are any */
    xlrest_leave(&guest, mark);
    xlrest_work(&host, now_ns + SECOND);
    assert_int_equal(n_removed, 4);
    strcpy(vm[0], UUID); /* what is found at the start may have had any number */
    device_error = -E2BIG;
    xlrest_find(&host);
    xlrest_work(&host, now_ns + SECOND);
    assert_string_equal(vm[0], "");
    assert_int_equal(n_removed, 4);
}

/* Who lets a lock go removes its file first: what is locked then is nobody's. */
static void a_lock_whose_file_has_gone_is_none(void **state)
{
    (void)state;
    put(file("d", "libxl-json"), "the launcher's");
    is_replaced = true;
    xlrest_leave(&guest, mark);
    assert_true(is_there(file("d", "libxl-json")));
    is_replaced = false;
    xlrest_work(&host, now_ns + SOON);
    assert_false(is_there(file("d", "libxl-json")));
}

static void where_no_lock_can_be_made_they_go_all_the_same(void **state)
{
    (void)state;
    put(file("d", "libxl-json"), "the launcher's");
    refusal = ENOSPC;
    xlrest_leave(&guest, mark);
    assert_false(is_there(file("d", "libxl-json")));
}

static void nodes_that_xl_has_set_go_after_a_second(void **state)
{
    (void)state;
    strcpy(vm[0], OTHER);
    strcpy(vm[1], UUID);
    bear(0, 3, 16);
    xlrest_leave(&guest, mark);
    assert_int_equal(xlrest_work(&host, now_ns), now_ns + SECOND);
    assert_int_equal(n_begun, 0);
    assert_int_equal(xlrest_work(&host, now_ns + SECOND), UINT64_MAX);
    assert_string_equal(vm[0], OTHER);
    assert_string_equal(vm[1], "");
    xlrest_leave(&guest, mark); /* of most there are none */
    assert_int_equal(xlrest_work(&host, now_ns + SECOND), UINT64_MAX);
    assert_int_equal(n_begun, 2);
    assert_int_equal(n_ends, 1);
    assert_string_equal(said, "");
}

static void each_waits_for_a_second_at_least(void **state)
{
    (void)state;
    strcpy(vm[0], UUID);
    strcpy(vm[1], OTHER);
    device_lists[0] = "7";
    xlrest_leave(&guest, mark);
    now_ns += SECOND - 1;
    memcpy(guest.uuid, other_uuid, 16);
    guest.domid = 6;
    xlrest_leave(&guest, mark);
    now_ns++;
    assert_int_equal(xlrest_work(&host, now_ns), now_ns + SECOND);
    assert_string_equal(vm[0], "");
    assert_string_equal(vm[1], OTHER);
    assert_int_equal(n_removed, 1);
    bear(0, 9, 0); /* of no concern to the other */
    assert_int_equal(xlrest_work(&host, now_ns + SECOND), UINT64_MAX);
    assert_string_equal(vm[1], "");
    assert_int_equal(n_removed, 2);
    assert_int_equal(n_begun, 2);
}

static void those_of_a_guest_that_was_restored_at_once_stay(void **state)
{
    (void)state;
    strcpy(vm[0], UUID);
    strcpy(vm[1], OTHER);
    bear(0, 8, 0);
    xlrest_leave(&guest, mark);
    assert_int_equal(xlrest_work(&host, now_ns + SECOND), UINT64_MAX);
    assert_string_equal(vm[0], UUID);
    assert_int_equal(n_ends, 0);
    xlrest_leave(&guest, mark);
    memcpy(guest.uuid, other_uuid, 16);
    xlrest_leave(&guest, mark);
    xlrest_work(&host, now_ns + SECOND);
    assert_string_equal(vm[0], UUID);
    assert_string_equal(vm[1], "");
}

/* It is made behind the look at Xen, and writes before the transaction has ended. */
static void and_of_one_that_is_restored_meanwhile(void **state)
{
    (void)state;
    strcpy(vm[0], UUID);
    xlrest_leave(&guest, mark);
    end_error = -EAGAIN;
    assert_int_equal(xlrest_work(&host, now_ns + SECOND), now_ns + SECOND + SOON);
    assert_string_equal(vm[0], UUID);
    bear(0, 8, 0);
    end_error = 0;
    assert_int_equal(xlrest_work(&host, now_ns + SECOND + SOON), UINT64_MAX);
    assert_string_equal(vm[0], UUID);
    assert_string_equal(said, "");
}

static void what_xenstored_refuses_for_others_sake_is_tried_again(void **state)
{
    (void)state;
    strcpy(vm[0], UUID);
    xlrest_leave(&guest, mark);
    end_error = -EAGAIN; /* xl has made a domain meanwhile */
    assert_int_equal(xlrest_work(&host, now_ns + SECOND), now_ns + SECOND + SOON);
    end_error = 0;
    assert_int_equal(xlrest_work(&host, now_ns + SECOND + SOON), UINT64_MAX);
    assert_string_equal(vm[0], "");
}

static void who_is_there_must_be_known(void **state)
{
    (void)state;
    strcpy(vm[0], UUID);
    n_infos = -1;
    xlrest_leave(&guest, mark);
    assert_int_equal(xlrest_work(&host, now_ns + SECOND), UINT64_MAX);
    assert_string_equal(vm[0], UUID);
    assert_has(said, "is left in xenstore");
}

static void more_than_one_list_takes_are_tried_each(void **state)
{
    (void)state;
    strcpy(vm[0], UUID);
    list_error = -E2BIG;
    xlrest_leave(&guest, mark);
    assert_int_equal(xlrest_work(&host, now_ns + SECOND), UINT64_MAX);
    assert_string_equal(vm[0], "");
    rm_error = -ENOENT; /* it has none */
    xlrest_leave(&guest, mark);
    assert_int_equal(xlrest_work(&host, now_ns + SECOND), UINT64_MAX);
    assert_string_equal(said, "");
}

static void a_store_that_refuses_is_told_of(void **state)
{
    int *const errors[] = {&start_error, &list_error, &rm_error, &end_error};

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
        strcpy(vm[0], UUID);
        *said = '\0';
        *errors[i] = -EIO;
        xlrest_leave(&guest, mark);
        assert_int_equal(xlrest_work(&host, now_ns + SECOND), UINT64_MAX);
        assert_has(said, "is left in xenstore: Input/output");
        assert_string_equal(vm[0], UUID);
        *errors[i] = 0;
    }
    list_error = -ENOENT; /* no xl was ever here */
    *said = '\0';
    xlrest_leave(&guest, mark);
    assert_int_equal(xlrest_work(&host, now_ns + SECOND), UINT64_MAX);
    assert_string_equal(said, "");
    is_gone = true;
    xlrest_leave(&guest, mark);
    assert_int_equal(xlrest_work(&host, now_ns + SECOND), UINT64_MAX);
    assert_has(said, "Broken pipe");
}

static void what_waits_goes_when_the_launcher_ends(void **state)
{
    (void)state;
    strcpy(vm[0], UUID);
    xlrest_leave(&guest, mark);
    xlrest_end(&host);
    assert_string_equal(vm[0], "");
    assert_int_equal(xlrest_work(&host, UINT64_MAX - 1), UINT64_MAX);
}

static void files_of_domains_that_are_not_there_go(void **state)
{
    static const struct {
        const char *name;
        bool stays;
    } files[] = {
        {"userdata-d.7." UUID ".libxl-json", true},
        {"userdata-l.7." UUID ".domain-userdata-lock", true},
        {"userdata-d.7." OTHER ".libxl-json", false}, /* that domain 7 was another */
        {"userdata-d.8." UUID ".xl", false},
        {"userdata-n.8." UUID ".libxl-json", false},
        {"userdata-d.4294967304." UUID ".libxl-json", true}, /* no number of a domain */
        {"userdata-d.8." UUID, true},                        /* these are not libxl's */
        {"userdata-d.8.00010203", true},
        {"userdata-d.8.0001020x-0405-0607-0809-0a0b0c0d0e0f.a", true},
        {"userdata-d.8." UUID "0.a", true},
        {"userdata-d-8." UUID ".a", true},
        {"userdata-1.8." UUID ".a", true},
        {"userdata-d.+8." UUID ".a", true},
        {"userdata-d.8-" UUID ".a", true},
        {"someones-d.8." UUID ".a", true},
    };
    char path[256];

    (void)state;
    bear(0, 7, 0);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, files[i].name);
        put(path, "");
    }
    xlrest_find(&host);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, files[i].name);
        if (is_there(path) != files[i].stays)
            fail_msg("%s", files[i].name);
    }
}

static void nodes_of_guests_that_are_not_there_go(void **state)
{
    (void)state;
    strcpy(vm[0], UUID);
    strcpy(vm[1], OTHER);
    strcpy(vm[2], "20212223-2425-2627-2829-2a2b2c2d2e2f");
    strcpy(vm[3], "what-is-this");
    whole = OTHER; /* libxl's own, of a domain that it is making or removing */
    bear(0, 9, 32);
    xlrest_find(&host);
    xlrest_work(&host, now_ns + SECOND);
    assert_string_equal(vm[0], "");
    assert_string_equal(vm[1], OTHER);
    assert_true(*vm[2] && *vm[3]);
    read_error = -EIO; /* whose it is is not known */
    strcpy(vm[0], UUID);
    xlrest_find(&host);
    assert_int_equal(xlrest_work(&host, UINT64_MAX - 1), UINT64_MAX);
    assert_string_equal(said, "");
    static const int errors[] = {-ENOENT, -E2BIG, -EIO};
    for (size_t i = 0; i < 3; i++) {
        list_error = errors[i];
        xlrest_find(&host);
    }
    assert_string_equal(said, "left-overs are not looked for: no list");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_go_with_the_locks_that_xl_left),
        TEST(while_xl_holds_the_lock_its_files_stay),
        TEST(devices_that_came_as_it_went_go),
        TEST(a_lock_whose_file_has_gone_is_none),
        TEST(where_no_lock_can_be_made_they_go_all_the_same),
        TEST(nodes_that_xl_has_set_go_after_a_second),
        TEST(each_waits_for_a_second_at_least),
        TEST(those_of_a_guest_that_was_restored_at_once_stay),
        TEST(and_of_one_that_is_restored_meanwhile),
        TEST(what_xenstored_refuses_for_others_sake_is_tried_again),
        TEST(who_is_there_must_be_known),
        TEST(more_than_one_list_takes_are_tried_each),
        TEST(a_store_that_refuses_is_told_of),
        TEST(what_waits_goes_when_the_launcher_ends),
        TEST(files_of_domains_that_are_not_there_go),
        TEST(nodes_of_guests_that_are_not_there_go),
    };

    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
