/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of guest.c: whatever step of a guest's making fails, nothing is left of it. All that it
 * stands on is played here: a step is counted and may refuse, what is had is counted.
 */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "crc32.h"
#include "disk.h"
#include "domain.h"
#include "guest.h"
#include "host.h"
#include "record.h"
#include "store.h"
#include "vif.h"
#include "xlconfig.h"
#include "xlrest.h"

#define DOMID        7
#define STORE_PORT   3
#define CONSOLE_PORT 4

static struct host host;
static struct fail fail;
static struct config config;
static struct image image = {.one_channel = false};
static struct blob ramdisk;

/* The step that refuses, from 0; and how many there were. */
static unsigned refused, n_steps;

/* What is there of the guest. */
static int n_images, n_ramdisks, n_domains, n_maps, n_bound, n_entered, n_named, n_vifs, n_disks,
    n_known;
static uint8_t handle[16];
static bool runs, is_announced;
static char asked[2048]; /* of xenstored */
static char order[512];  /* what matters of the order of things */

static bool step(void)
{
    return n_steps++ == refused;
}

static int refuse(struct fail *why)
{
    return step() ? fail_set(why, EIO, "step %u refuses", refused) : 0;
}

/* The same where errno tells. */
static int refuse_errno(void)
{
    errno = EIO;
    return step() ? -1 : 0;
}

uint64_t host_now_ns(void)
{
    return 1;
}

uint32_t crc32_of(const void *bytes, size_t len)
{
    (void)bytes;
    return (uint32_t)len;
}

int image_get(const char *path, struct image **result, struct fail *why)
{
    (void)path;
    int error = refuse(why);
    n_images += !error;
    *result = error ? NULL : &image;
    return error;
}

void image_put(struct image *of)
{
    n_images -= of != NULL;
}

int blob_get(const char *path, struct blob **result, struct fail *why)
{
    (void)path;
    int error = refuse(why);
    n_ramdisks += !error;
    *result = error ? NULL : &ramdisk;
    return error;
}

void blob_put(struct blob *of)
{
    n_ramdisks -= of != NULL;
}

void domain_mark(uint8_t to[16])
{
    memcpy(to, GUEST_MARK "12345", 16);
}

int domain_make(struct host *at, struct guest *guest, const struct config *of, struct fail *why)
{
    (void)at;
    (void)of;
    int error = refuse(why);
    n_domains += !error;
    guest->domid = DOMID;
    guest->store_port = STORE_PORT;
    guest->console_port = CONSOLE_PORT;
    domain_mark(handle);
    return error;
}

int plan_make(struct plan *plan, const struct image *of, uint64_t ramdisk_bytes,
              uint32_t memory_mib, struct fail *why)
{
    (void)of;
    (void)ramdisk_bytes;
    (void)memory_mib;
    *plan = (struct plan){0};
    return refuse(why);
}

int build_domain(struct hyper *hyper, struct build *build, struct fail *why)
{
    (void)hyper;
    build->store_mfn = 100;
    build->console_mfn = 101;
    return refuse(why);
}

int build_set_cmdline(struct hyper *hyper, uint32_t domid, uint64_t start_info_mfn,
                      const char *cmdline, struct fail *why)
{
    (void)hyper;
    (void)start_info_mfn;
    assert_int_equal(domid, DOMID);
    assert_string_equal(cmdline, "stay");
    strcat(order, "cmdline ");
    return refuse(why);
}

void *xenforeignmemory_map(xenforeignmemory_handle *memory, uint32_t domid, int prot, size_t n,
                           const xen_pfn_t frames[], int errors[])
{
    static char pages[2 * IMAGE_PAGE_BYTES];

    (void)memory;
    (void)prot;
    (void)errors;
    assert_int_equal(domid, DOMID);
    assert_int_equal(frames[n - 1], 101);
    if (refuse_errno() < 0)
        return NULL;
    n_maps += (int)n;
    return pages;
}

int xenforeignmemory_unmap(xenforeignmemory_handle *memory, void *pages, size_t n)
{
    (void)memory;
    (void)pages;
    assert_int_equal(n_domains, 1); /* it could not go otherwise */
    n_maps -= (int)n;
    return 0;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *events, uint32_t domid,
                                                     evtchn_port_t port)
{
    (void)events;
    assert_int_equal(domid, DOMID);
    if (refuse_errno() < 0)
        return -1;
    n_bound++;
    return (int)(50 + port);
}

int xenevtchn_unbind(xenevtchn_handle *events, evtchn_port_t port)
{
    (void)events;
    assert_true(port == 50 + STORE_PORT || port == 50 + CONSOLE_PORT);
    n_bound--;
    return 0;
}

int console_bind(struct console *console, struct hyper *hyper, uint32_t domid, uint32_t port,
                 struct fail *why)
{
    console->port = xenevtchn_bind_interdomain(hyper->events, domid, port);
    return console->port < 0 ? fail_errno(why, "no channel") : 0;
}

int console_open(struct console *console, struct hyper *hyper, uint32_t domid, void *page,
                 uint32_t port, struct fail *why)
{
    (void)page;
    return console_bind(console, hyper, domid, port, why);
}

void console_unbind(struct console *console, struct hyper *hyper)
{
    if (console->port >= 0)
        xenevtchn_unbind(hyper->events, (evtchn_port_t)console->port);
    console->port = -1;
}

void console_close(struct console *console, struct hyper *hyper)
{
    console_unbind(console, hyper);
}

int console_make_terminal(struct console *console, struct fail *why)
{
    console->terminal = 9;
    return refuse(why);
}

int console_terminal_name(const struct console *console, char *name, size_t size)
{
    snprintf(name, size, "/dev/pts/9");
    return console->terminal < 0 ? -ENOTTY : 0;
}

bool console_recall(struct console *console)
{
    (void)console;
    return true;
}

void proxy_free(struct proxy *proxy, struct host *at)
{
    (void)at;
    proxy->ring = NULL;
}

int host_poll(struct host *at, int fd, enum host_source source, uint32_t number, uint32_t events,
              struct fail *why)
{
    (void)at;
    (void)source;
    (void)events;
    assert_int_equal(fd, 9);
    assert_int_equal(number, DOMID);
    strcat(order, "poll ");
    return refuse(why);
}

int host_enter(struct host *at, struct guest *guest, struct fail *why)
{
    int error = refuse(why);

    at->by_domid[guest->domid] = error ? NULL : guest;
    n_entered += !error;
    return error;
}

void host_leave(struct host *at, struct guest *guest)
{
    at->by_domid[guest->domid] = NULL;
    n_entered--;
    n_named = 0;
}

int host_enter_ports(struct host *at, struct guest *guest, struct fail *why)
{
    (void)at;
    (void)guest;
    strcat(order, "ports ");
    return refuse(why);
}

void host_leave_ports(struct host *at, struct guest *guest)
{
    (void)at;
    (void)guest;
}

void host_name(struct host *at, struct guest *guest)
{
    (void)at;
    assert_int_equal(guest->state, GUEST_RUNNING);
    n_named++;
}

void host_make_room(struct host *at)
{
    (void)at;
}

void host_hear(struct host *at, struct guest *guest)
{
    (void)at;
    (void)guest;
}

void host_write_name(struct host *at, struct guest *guest)
{
    (void)at;
    (void)guest;
}

void record_write(struct host *at, struct guest *guest)
{
    (void)at;
    (void)guest;
}

int vif_plug(struct host *at, uint32_t domid, bool introduced, const struct config_vif *vifs,
             unsigned n, struct fail *why)
{
    (void)at;
    (void)domid;
    (void)introduced;
    (void)vifs;
    n_vifs = (int)n; /* some, when it fails amid */
    return refuse(why);
}

void vif_unplug(struct host *at, uint32_t domid)
{
    (void)at;
    (void)domid;
    n_vifs = 0;
}

int vif_count(struct host *at, uint32_t domid, unsigned *n, struct fail *why)
{
    (void)at;
    (void)domid;
    *n = 1;
    return refuse(why);
}

int disk_plug(struct host *at, uint32_t domid, bool introduced, const struct diskspec *specs,
              unsigned n, struct fail *why)
{
    (void)at;
    (void)domid;
    (void)introduced;
    (void)specs;
    n_disks = (int)n;
    return refuse(why);
}

void disk_unplug(struct host *at, uint32_t domid)
{
    (void)at;
    (void)domid;
    n_disks = 0;
}

int disk_adopt(struct host *at, uint32_t domid, unsigned *n, struct fail *why)
{
    (void)at;
    (void)domid;
    *n = 1;
    return refuse(why);
}

void device_remove_notes(struct host *at, uint32_t domid)
{
    (void)at;
    (void)domid;
}

void xlconfig_write(struct guest *guest, const struct config *of)
{
    (void)of;
    assert_false(runs); /* it is there before the guest can ask for anything */
    assert_memory_equal(handle, guest->uuid, 16);
    guest->known_to_xl = true;
    n_known = 1;
}

void xlconfig_adopt(struct host *at, struct guest *guest, const struct config *of)
{
    (void)at;
    (void)guest;
    strcat(order, of ? "known " : "unknown ");
}

void xlrest_leave(const struct guest *guest, const uint8_t mark[16])
{
    assert_true(guest->known_to_xl);
    assert_memory_equal(handle, mark, 16); /* else libxl might find its files yet */
    n_known = 0;
}

int xc_domain_sethandle(xc_interface *control, uint32_t domid, xen_domain_handle_t to)
{
    (void)control;
    assert_int_equal(domid, DOMID);
    bool is_mark = memcmp(to, GUEST_MARK, GUEST_MARK_BYTES) == 0;
    if (!is_mark && refuse_errno() < 0)
        return -1;
    memcpy(handle, to, 16);
    return 0;
}

int xc_domain_unpause(xc_interface *control, uint32_t domid)
{
    (void)control;
    assert_int_equal(domid, DOMID);
    if (refuse_errno() < 0)
        return -1;
    runs = true;
    return 0;
}

static int destroy_errno;

int xc_domain_destroy(xc_interface *control, uint32_t domid)
{
    (void)control;
    assert_int_equal(domid, DOMID);
    assert_int_equal(n_maps, 0);
    assert_memory_equal(handle, GUEST_MARK, GUEST_MARK_BYTES);
    errno = destroy_errno;
    if (destroy_errno)
        return -1;
    n_domains--;
    runs = false;
    return 0;
}

static void ask(const char *what, const char *value, const char *path, va_list args)
{
    size_t at = strlen(asked);

    at += (size_t)snprintf(asked + at, sizeof(asked) - at, "%s ", what);
    at += (size_t)vsnprintf(asked + at, sizeof(asked) - at, path, args);
    snprintf(asked + at, sizeof(asked) - at, "=%s;", value);
}

void store_write(struct store *store, const char *value, const char *path, ...)
{
    va_list args;

    (void)store;
    va_start(args, path);
    ask("write", value, path, args);
    va_end(args);
}

void store_mkdir(struct store *store, const char *path, ...)
{
    va_list args;

    (void)store;
    va_start(args, path);
    ask("mkdir", "", path, args);
    va_end(args);
}

void store_permit(struct store *store, const char *permissions, const char *path, ...)
{
    va_list args;

    (void)store;
    va_start(args, path);
    ask("permit", permissions, path, args);
    va_end(args);
}

void store_remove(struct store *store, const char *path, ...)
{
    va_list args;

    (void)store;
    va_start(args, path);
    ask("remove", "", path, args);
    va_end(args);
}

void store_introduce(struct store *store, uint32_t domid, uint64_t mfn, uint32_t port)
{
    (void)store;
    assert_int_equal(domid, DOMID);
    assert_int_equal(mfn, 100);
    assert_int_equal(port, STORE_PORT);
    is_announced = true;
    strcat(order, "introduce ");
}

void store_release(struct store *store, uint32_t domid)
{
    (void)store;
    assert_int_equal(domid, DOMID);
    strcat(order, "release ");
}

int store_flush(struct store *store, struct fail *why)
{
    (void)store;
    return refuse(why);
}

/* ---- */

static void assert_nothing_is_left(void)
{
    assert_int_equal(n_images, 0);
    assert_int_equal(n_ramdisks, 0);
    assert_int_equal(n_domains, 0);
    assert_int_equal(n_maps, 0);
    assert_int_equal(n_bound, 0);
    assert_int_equal(n_entered, 0);
    assert_int_equal(n_named, 0);
    assert_int_equal(n_vifs, 0);
    assert_int_equal(n_disks, 0);
    assert_int_equal(n_known, 0);
    assert_null(host.by_domid[DOMID]);
}

static int begin(void **state)
{
    (void)state;
    refused = UINT32_MAX;
    n_steps = 0;
    host = (struct host){.make_terminals = true};
    config = (struct config){.name = "web",
                             .kernel = "/a",
                             .ramdisk = "/b",
                             .memory_mib = 4,
                             .cmdline = "stay",
                             .uuid_given = true,
                             .n_vifs = 1,
                             .n_disks = 1};
    for (uint8_t i = 0; i < 16; i++)
        config.uuid[i] = i;
    ramdisk.bytes = (uint8_t *)"\x1f\x8c";
    ramdisk.n_bytes = 2;
    image.one_channel = false;
    destroy_errno = 0;
    *order = '\0';
    n_images = n_ramdisks = n_domains = n_maps = n_bound = n_entered = n_named = n_vifs = n_disks =
        n_known = 0;
    return 0;
}

static int make(const char *cmdline, struct guest **guest)
{
    *asked = *order = '\0';
    is_announced = runs = false;
    int error = guest_build(&host, &config, cmdline, guest, &fail);

    return error ? error : guest_launch(&host, *guest, &config, "text", "file", false, &fail);
}

static struct guest *made(void)
{
    struct guest *guest;

    assert_int_equal(make("stay", &guest), 0);
    return guest;
}

static void whatever_fails_nothing_is_left(void **state)
{
    struct guest *guest;

    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        host.introduce_all = kind == 1;
        refused = UINT32_MAX;
        n_steps = 0;
        assert_int_equal(make(NULL, &guest), 0); /* a shell that is launched: it has all steps */
        assert_true(runs);
        assert_int_equal(n_bound, kind ? 1 : 2);
        assert_int_equal(n_vifs + n_disks, 2);
        assert_has(order, "poll ");
        assert_has(order, "cmdline ");
        unsigned n = n_steps;
        assert_true(n > 12);
        assert_int_equal(guest_destroy(&host, guest, false, &fail), 0);
        assert_nothing_is_left();
        for (refused = 0; refused < n; refused++) {
            char why[32];
            n_steps = 0;
            snprintf(why, sizeof(why), "step %u refuses", refused);
            assert_int_equal(make(NULL, &guest), -EIO);
            assert_true(strstr(fail.text, why) || strstr(fail.text, "Input/output error"));
            assert_nothing_is_left();
        }
    }
}

static void a_compressed_ramdisk_is_refused(void **state)
{
    struct guest *guest;

    (void)state;
    ramdisk.bytes = (uint8_t *)"\x1f\x8b";
    assert_int_equal(make("", &guest), -EINVAL);
    assert_has(fail.text, "ramdisk /b: is compressed");
    assert_nothing_is_left();
    ramdisk.n_bytes = 1; /* too short to be */
    assert_int_equal(make("", &guest), 0);
    guest_destroy(&host, guest, false, &fail);
}

static void a_guest_may_write_only_what_is_its_own_to_say(void **state)
{
    (void)state;
    host.introduce_all = true;
    struct guest *guest = made();
    assert_has(asked, "permit /local/domain/7=n0 r7;");
    assert_has(asked, "permit /local/domain/7/control/shutdown=n7;");
    assert_has(asked, "permit /local/domain/7/data=n7;");
    assert_null(strstr(strstr(asked, "7/data=n7;") + 1, "permit")); /* no more */
    assert_has(asked, "write /local/domain/7/console/tty=/dev/pts/9;");
    assert_true(is_announced);
    guest_destroy(&host, guest, false, &fail);
    assert_has(asked, "remove /local/domain/7=;");
    assert_nothing_is_left();
}

static void of_one_that_xenstored_does_not_know_its_end_is_told_all_the_same(void **state)
{
    (void)state;
    guest_destroy(&host, made(), false, &fail);
    assert_null(strstr(order, "introduce"));
    guest_destroy(&host, made(), true, &fail);
    assert_has(order, "introduce release ");
    assert_int_equal(host.n_introduced, 1);
    assert_nothing_is_left();
}

static void the_devices_that_xl_gave_go_too(void **state)
{
    (void)state;
    config.n_vifs = config.n_disks = 0;
    struct guest *guest = made();
    n_vifs = n_disks = 1;
    guest->given_devices = true;
    guest_destroy(&host, guest, false, &fail);
    assert_nothing_is_left();
}

static void a_domain_that_does_not_go_is_told_of(void **state)
{
    (void)state;
    destroy_errno = EPERM;
    assert_int_equal(guest_destroy(&host, made(), false, &fail), -EPERM);
    assert_has(fail.text, "Xen does not destroy domain 7");
    n_domains = 0;
    destroy_errno = ESRCH; /* another was quicker */
    assert_int_equal(guest_destroy(&host, made(), false, &fail), 0);
    n_domains = 0;
    destroy_errno = 0;
    struct guest *guest = made();
    refused = n_steps; /* xenstored */
    assert_int_equal(guest_destroy(&host, guest, false, &fail), -EIO);
    assert_nothing_is_left(); /* of the domain */
}

static struct guest *of_before(const char *text)
{
    struct guest *guest = calloc(1, sizeof(*guest));

    guest->console = (struct console)CONSOLE_CLOSED;
    guest->proxy = (struct proxy)PROXY_CLOSED;
    guest->domid = DOMID;
    guest->state = GUEST_RUNNING;
    guest->text = strdup(text);
    guest->file = strdup("a.cfg");
    guest->console_mfn = 101;
    guest->store_mfn = 100;
    guest->store_port = STORE_PORT;
    guest->console_port = CONSOLE_PORT;
    return guest;
}

static void one_that_cannot_be_taken_over_is_left_alone(void **state)
{
    (void)state;
    n_domains = 1;
    struct guest *guest = of_before("no = configuration");
    assert_int_equal(guest_adopt(&host, guest, &fail), 0);
    assert_has(order, "unknown ");
    assert_int_equal(guest->on_crash, ACTION_DESTROY);
    assert_int_equal(guest->n_vifs + guest->n_disks, 2);
    unsigned n = n_steps;
    handle[0] = GUEST_MARK[0];
    guest_destroy(&host, guest, false, &fail);
    assert_nothing_is_left();
    n_domains = 1;
    for (refused = 0; refused < n; refused++) {
        n_steps = 0;
        guest = of_before("name = \"web\"\nkernel = \"/a\"\non_crash = \"restart\"\n");
        assert_int_equal(guest_adopt(&host, guest, &fail), -EIO);
        assert_int_equal(n_domains, 1);
        n_domains = 0;
        assert_nothing_is_left();
        n_domains = 1;
    }
    *order = '\0';
    refused = UINT32_MAX;
    guest = of_before("name = \"web\"\nkernel = \"/a\"\nmemory = 4\non_crash = \"restart\"\n");
    assert_int_equal(guest_adopt(&host, guest, &fail), 0);
    assert_has(order, " known ");
    assert_int_equal(guest->on_crash, ACTION_RESTART);
    guest_destroy(&host, guest, false, &fail);
}

/* xenstored lets go of the channel, and another is quicker, or memory is short. */
static void one_that_is_suspended_is_served_again_later(void **state)
{
    (void)state;
    struct guest *guest = made();
    *order = '\0';
    unsigned before = n_steps;
    assert_int_equal(guest_tell_suspended(&host, guest, &fail), 0);
    unsigned n = n_steps - before;
    assert_string_equal(order, "introduce release ports ");
    assert_int_equal(n_bound, 2);
    assert_int_equal(guest_serve_again(&host, guest, &fail), 0); /* it is served */
    assert_int_equal(n_bound, 2);
    for (unsigned i = 0; i < n; i++) {
        refused = n_steps + i;
        assert_int_equal(guest_tell_suspended(&host, guest, &fail), -EIO);
        bool is_served = i == 0; /* it was xenstored that refused */
        assert_int_equal(n_bound, is_served ? 2 : 0);
        assert_int_equal(guest->proxy.port < 0, !is_served);
        assert_int_equal(guest->console.port < 0, !is_served);
        refused = n_steps;
        assert_int_equal(guest_serve_again(&host, guest, &fail), is_served ? 0 : -EIO);
        refused = UINT32_MAX;
        assert_int_equal(guest_serve_again(&host, guest, &fail), 0);
        assert_int_equal(guest->proxy.port, 50 + STORE_PORT);
        assert_int_equal(guest->console.port, 50 + CONSOLE_PORT);
    }
    guest_destroy(&host, guest, false, &fail);
    assert_nothing_is_left();
    host.introduce_all = true; /* xenstored tells of that one itself */
    guest = made();
    *order = '\0';
    assert_int_equal(guest_tell_suspended(&host, guest, &fail), 0);
    guest->proxy.port = -1;
    assert_int_equal(guest_serve_again(&host, guest, &fail), 0);
    assert_string_equal(order, "");
    guest_destroy(&host, guest, false, &fail);
}

static void console_and_xenstore_may_have_one_channel(void **state)
{
    (void)state;
    struct guest *guest;
    assert_int_equal(guest_build(&host, &config, "", &guest, &fail), 0);
    assert_int_equal(n_bound, 2);
    guest_destroy(&host, guest, false, &fail);
    assert_nothing_is_left();
    n_domains = 1;
    handle[0] = GUEST_MARK[0];
    guest = of_before("");
    guest->console_port = STORE_PORT;
    assert_int_equal(guest_adopt(&host, guest, &fail), 0);
    assert_int_equal(n_bound, 1);
    assert_int_equal(guest->proxy.port, guest->console.port);
    guest_destroy(&host, guest, false, &fail);
    assert_nothing_is_left();
}

static void who_asks_a_guest_to_end_wants_no_restart(void **state)
{
    (void)state;
    struct guest *guest = made();
    assert_int_equal(guest_request(&host, guest, true, &fail), 0);
    assert_false(guest->asked_to_end);
    assert_has(asked, "write /local/domain/7/control/shutdown=reboot;");
    assert_int_equal(guest_request(&host, guest, false, &fail), 0);
    assert_true(guest->asked_to_end);
    assert_has(asked, "write /local/domain/7/control/shutdown=poweroff;");
    guest_destroy(&host, guest, false, &fail);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whatever_fails_nothing_is_left),
        TEST(a_compressed_ramdisk_is_refused),
        TEST(a_guest_may_write_only_what_is_its_own_to_say),
        TEST(of_one_that_xenstored_does_not_know_its_end_is_told_all_the_same),
        TEST(the_devices_that_xl_gave_go_too),
        TEST(a_domain_that_does_not_go_is_told_of),
        TEST(one_that_cannot_be_taken_over_is_left_alone),
        TEST(one_that_is_suspended_is_served_again_later),
        TEST(console_and_xenstore_may_have_one_channel),
        TEST(who_asks_a_guest_to_end_wants_no_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
