/* SPDX-License-Identifier: BSD-2-Clause */
/* The store's log, on the host: what a power cut leaves is mended, what is damaged is refused. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "disk.h"
#include "log.h"
#include "resp.h"

static char why[256];
static char read_back[512]; /* "=key value" and "-key" of each record */

static int note(void *arg, const struct log_record *record, struct log_segment *segment,
                uint64_t offset)
{
    size_t len = strlen(read_back);

    (void)segment;
    (void)offset;
    if (arg && record->op == LOG_DELETE)
        return *(int *)arg;
    snprintf(read_back + len, sizeof(read_back) - len, "%c%.*s%s%.*s",
             record->op == LOG_SET ? '=' : '-', (int)record->key_len, record->key,
             record->value_len ? " " : "", (int)record->value_len, record->value);
    return 0;
}

static int open_log(struct log **log)
{
    read_back[0] = '\0';
    return log_open(dir, log, note, NULL, why, sizeof(why));
}

static struct log *opened(void)
{
    struct log *log;

    assert_int_equal(open_log(&log), 0);
    return log;
}

static struct log_record record_of(enum log_op op, const char *key, const char *value)
{
    return (struct log_record){.op = op,
                               .key = (char *)key,
                               .key_len = (uint32_t)strlen(key),
                               .value = (char *)value,
                               .value_len = (uint32_t)strlen(value)};
}

static void append(struct log *log, enum log_op op, const char *key, const char *value)
{
    struct log_record record = record_of(op, key, value);
    struct log_cursor at;

    assert_int_equal(log_append(log, &record, 0, &at), 0);
}

/* Three records in segment 1. */
static void write_some(void)
{
    struct log *log = opened();

    append(log, LOG_SET, "a", "one");
    append(log, LOG_SET, "bb", "two");
    append(log, LOG_DELETE, "a", "");
    assert_int_equal(log_sync(log), 0);
    assert_int_equal(log_bytes(log), 3 * log_record_bytes(0, 0) + 4 + 5 + 1);
    log_close(log);
}

static void assert_refused(const char *sentence)
{
    struct log *log;

    assert_int_equal(open_log(&log), -EINVAL);
    assert_non_null(strstr(why, sentence));
}

static void flip(unsigned number, off_t offset)
{
    char byte;
    int fd = open(path_of(number), O_RDWR);

    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    close(fd);
}

static void cut(unsigned number, off_t off_the_end)
{
    int fd = open(path_of(number), O_RDWR);

    assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) - off_the_end), 0);
    close(fd);
}

static void what_is_appended_is_read_back_in_order(void **state)
{
    (void)state;
    write_some();
    log_close(opened());
    assert_string_equal(read_back, "=a one=bb two-a");
}

static void each_byte_of_a_record_is_held_by_its_checksum(void **state)
{
    (void)state;
    write_some();
    off_t end = (off_t)(2 * log_record_bytes(0, 0) + 4 + 5);
    for (off_t offset = 0; offset < end; offset++) {
        struct log *log;
        flip(1, offset);
        /* A length that now points behind the end looks like a record cut short. */
        int error = open_log(&log);
        assert_true(error == -EINVAL || strcmp(read_back, "=a one=bb two-a") != 0);
        if (!error)
            log_close(log);
        else
            assert_non_null(strstr(why, "00000001.log is damaged at byte "));
        assert_int_equal(unlink(path_of(1)), 0);
        write_some();
    }
}

static void the_place_of_damage_is_named(void **state)
{
    char sentence[64];

    (void)state;
    write_some();
    size_t second = log_record_bytes(1, 3);
    flip(1, (off_t)(second + log_record_bytes(0, 0)));
    snprintf(sentence, sizeof(sentence), "damaged at byte %zu: restore it", second);
    assert_refused(sentence);
}

static void a_record_cut_short_at_the_end_is_taken_off(void **state)
{
    (void)state;
    for (off_t n = 1; n < (off_t)log_record_bytes(1, 0); n++) {
        write_some();
        cut(1, n);
        struct log *log = opened();
        assert_string_equal(read_back, "=a one=bb two");
        append(log, LOG_SET, "c", "3");
        log_close(log);
        log_close(opened());
        assert_string_equal(read_back, "=a one=bb two=c 3");
        assert_int_equal(unlink(path_of(1)), 0);
    }
}

static void impossible_records_are_refused(void **state)
{
    (void)state;
    write_some();
    flip(1, 4); /* the operation: 1 becomes 0 */
    assert_refused("damaged at byte 0");
    flip(1, 4);
    flip(1, 11); /* a key of 16 MiB */
    assert_refused("damaged at byte 0");
    flip(1, 11);
    flip(1, 15); /* a value of 16 MiB */
    assert_refused("damaged at byte 0");
}

/* Segments 1 and 2. */
static struct log *rolled(void)
{
    write_some();
    struct log *log = opened();
    assert_int_equal(log_roll(log), 0);
    assert_int_equal(log_n_segments(log), 2);
    append(log, LOG_SET, "new", "4");
    return log;
}

static void an_empty_segment_is_not_followed_by_another(void **state)
{
    struct log *log = opened();

    (void)state;
    assert_int_equal(log_roll(log), 0);
    assert_int_equal(log_n_segments(log), 1);
    log_close(log);
}

static void the_first_segment_goes_when_what_is_of_use_was_appended_again(void **state)
{
    struct log *log = rolled();
    struct log_record record = {0};
    struct log_cursor at = log_first(log);

    (void)state;
    assert_int_equal(log_read(&at, &record), 1);
    assert_int_equal(log_read(&at, &record), 1);
    assert_memory_equal(record.key, "bbtwo", 5);
    append(log, LOG_SET, "bb", "two");
    assert_int_equal(log_drop_first(log), 0);
    assert_int_equal(log_n_segments(log), 1);
    log_record_free(&record);
    log_close(log);
    assert_int_equal(access(path_of(1), F_OK), -1);
    log_close(opened());
    assert_string_equal(read_back, "=new 4=bb two");
}

static void a_full_segment_is_followed_by_another(void **state)
{
    struct log *log = opened();
    struct log_record record = record_of(LOG_SET, "k", "");
    struct log_cursor at, first = log_first(log);

    (void)state;
    record.value_len = RESP_WORD_MAX;
    record.value = calloc(1, record.value_len);
    unsigned n = (unsigned)(log_segment_max(log) / log_record_bytes(1, RESP_WORD_MAX));
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(log_append(log, &record, 0, &at), 0);
        assert_ptr_equal(at.segment, first.segment);
    }
    assert_int_equal(log_append(log, &record, 0, &at), 0);
    assert_ptr_not_equal(at.segment, first.segment);
    assert_int_equal(at.offset, 0);
    free(record.value);
    log_close(log);
}

static void only_the_last_segment_may_be_cut_short(void **state)
{
    (void)state;
    log_close(rolled());
    cut(2, 1);
    log_close(opened());
    assert_string_equal(read_back, "=a one=bb two-a");
    cut(1, 1);
    assert_refused("00000001.log is damaged");
}

static void a_disk_that_is_too_small_is_refused(void **state)
{
    (void)state;
    disk_bytes = (9 << 20) - 1;
    assert_refused("is too small: its files need room for 9437184 bytes");
    disk_bytes++;
    log_close(opened());
}

static void a_segment_that_is_missing_is_named(void **state)
{
    struct log *log = rolled();

    (void)state;
    assert_int_equal(log_roll(log), 0);
    log_close(log);
    assert_int_equal(unlink(path_of(2)), 0);
    assert_refused("00000002.log is missing: restore it");
}

static void other_files_in_the_folder_are_left_alone(void **state)
{
    static const char *const names[] = {"1.log", "00000000.log", "00000009.logs", "+0000009.log",
                                        "notes"};
    char path[128];

    (void)state;
    write_some();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        close(open(path, O_CREAT | O_WRONLY, 0600));
    }
    struct log *log = opened();
    assert_int_equal(log_n_segments(log), 1);
    log_close(log);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        assert_int_equal(unlink(path), 0);
    }
}

static void who_reads_it_may_refuse(void **state)
{
    struct log *log;
    int error = -ENOMEM;
    char long_dir[400];

    (void)state;
    write_some();
    assert_int_equal(log_open(dir, &log, note, &error, why, sizeof(why)), -ENOMEM);
    assert_int_equal(log_open("/nowhere/at/all", &log, note, NULL, why, sizeof(why)), -ENOENT);
    memset(long_dir, 'd', sizeof(long_dir) - 1);
    long_dir[sizeof(long_dir) - 1] = '\0';
    assert_int_equal(log_open(long_dir, &log, note, NULL, why, sizeof(why)), -ENAMETOOLONG);
}

/* As a folder may list them, from the first to the last or the other way round. */
static void segments_are_read_in_their_order_whatever_the_folders(void **state)
{
    char other[128];

    (void)state;
    for (unsigned way = 0; way < 2; way++) {
        struct log *log = opened();
        for (char key[] = "a"; *key < 'f'; (*key)++) {
            append(log, LOG_SET, key, "");
            assert_int_equal(log_roll(log), 0);
        }
        log_close(log);
        for (unsigned i = 1; i <= 6; i++) {
            unsigned number = way ? 7 - i : i;
            snprintf(other, sizeof(other), "%s/moved", dir);
            assert_int_equal(rename(path_of(number), other), 0);
            int fd = open(other, O_RDONLY), copy = open(path_of(number), O_CREAT | O_WRONLY, 0600);
            char bytes[64];
            ssize_t n = read(fd, bytes, sizeof(bytes));
            assert_int_equal(pwrite(copy, bytes, (size_t)n, 0), n);
            close(copy);
            close(fd);
            assert_int_equal(unlink(other), 0);
        }
        log_close(opened());
        assert_string_equal(read_back, "=a=b=c=d=e");
        for (unsigned number = 1; number <= 6; number++)
            assert_int_equal(unlink(path_of(number)), 0);
    }
}

static void what_is_no_file_is_no_segment(void **state)
{
    struct log *log;

    (void)state;
    int before = dup(0);
    close(before);
    assert_int_equal(mkdir(path_of(1), 0700), 0);
    assert_int_equal(open_log(&log), -EISDIR);
    assert_int_equal(rmdir(path_of(1)), 0);
    assert_int_equal(mkfifo(path_of(1), 0600), 0);
    assert_int_equal(open_log(&log), -ESPIPE);
    int after = dup(0);
    close(after);
    assert_int_equal(after, before);
}

static void behind_the_last_number_there_is_none(void **state)
{
    (void)state;
    close(open(path_of(99999999), O_CREAT | O_WRONLY, 0600));
    struct log *log = opened();
    append(log, LOG_SET, "a", "1");
    assert_int_equal(log_roll(log), -EFBIG);
    append(log, LOG_SET, "b", "2");
    log_close(log);
    log_close(opened());
    assert_string_equal(read_back, "=a 1=b 2");
    assert_int_equal(unlink(path_of(99999999)), 0);
}

static void a_disk_that_cant_be_read_is_told(void **state)
{
    struct log *log;

    (void)state;
    write_some();
    failing = "statvfs";
    assert_int_equal(open_log(&log), -EIO);
    failing = "pread";
    assert_int_equal(open_log(&log), -EIO);
    failing = "";
    log = opened();
    struct log_record record = record_of(LOG_SET, "k", "v");
    struct log_cursor at;
    failing = "statvfs";
    assert_int_equal(log_append(log, &record, 0, &at), -EIO);
    log_close(log);
}

static void segments_are_a_part_of_the_disk_and_not_too_large(void **state)
{
    static const struct {
        uint64_t disk, segment;
    } sizes[] = {{DISK_BYTES, 1152 << 10}, {1ull << 30, 16 << 20}, {1ull << 40, 256 << 20}};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        disk_bytes = sizes[i].disk;
        struct log *log = opened();
        assert_int_equal(log_segment_max(log), sizes[i].segment);
        log_close(log);
    }
}

/* All that it names is there, and no name is longer than it can be. */
static void records_have_what_belongs_to_them_and_no_more(void **state)
{
    static const struct {
        const char *key, *value;
        enum log_op op;
        bool is_one;
    } records[] = {{"k", "v", LOG_SET, true},      {"k", "v", LOG_PART, true},
                   {"k", "", LOG_DELETE, true},    {"k", "v", LOG_DELETE, false},
                   {"", "", LOG_DROP, true},       {"k", "", LOG_DROP, false},
                   {"", "v", LOG_DROP, false},     {"", "", (enum log_op)0, false},
                   {"", "", (enum log_op)5, false}};

    (void)state;
    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        struct log *log = opened();
        append(log, records[i].op, records[i].key, records[i].value);
        log_close(log);
        if (records[i].is_one)
            log_close(opened());
        else
            assert_refused("is damaged at byte 0");
        assert_int_equal(unlink(path_of(1)), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_appended_is_read_back_in_order, up, down),
        cmocka_unit_test_setup_teardown(each_byte_of_a_record_is_held_by_its_checksum, up, down),
        cmocka_unit_test_setup_teardown(the_place_of_damage_is_named, up, down),
        cmocka_unit_test_setup_teardown(a_record_cut_short_at_the_end_is_taken_off, up, down),
        cmocka_unit_test_setup_teardown(impossible_records_are_refused, up, down),
        cmocka_unit_test_setup_teardown(an_empty_segment_is_not_followed_by_another, up, down),
        cmocka_unit_test_setup_teardown(
            the_first_segment_goes_when_what_is_of_use_was_appended_again, up, down),
        cmocka_unit_test_setup_teardown(a_full_segment_is_followed_by_another, up, down),
        cmocka_unit_test_setup_teardown(only_the_last_segment_may_be_cut_short, up, down),
        cmocka_unit_test_setup_teardown(a_disk_that_is_too_small_is_refused, up, down),
        cmocka_unit_test_setup_teardown(a_segment_that_is_missing_is_named, up, down),
        cmocka_unit_test_setup_teardown(other_files_in_the_folder_are_left_alone, up, down),
        cmocka_unit_test_setup_teardown(who_reads_it_may_refuse, up, down),
        cmocka_unit_test_setup_teardown(segments_are_read_in_their_order_whatever_the_folders, up,
                                        down),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_no_segment, up, down),
        cmocka_unit_test_setup_teardown(behind_the_last_number_there_is_none, up, down),
        cmocka_unit_test_setup_teardown(a_disk_that_cant_be_read_is_told, up, down),
        cmocka_unit_test_setup_teardown(segments_are_a_part_of_the_disk_and_not_too_large, up,
                                        down),
        cmocka_unit_test_setup_teardown(records_have_what_belongs_to_them_and_no_more, up, down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
