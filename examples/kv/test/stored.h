/* SPDX-License-Identifier: BSD-2-Clause */
/** A store on such a disk, for tests. */
#ifndef KV_TEST_STORED_H
#define KV_TEST_STORED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "disk.h"

#include <cmocka.h>

#include "log.h"
#include "store.h"

#define LARGE (1u << 20) /* bytes of a value */

static struct store *store;
static char why[256];

static inline void open_store(void)
{
    if (store_open(dir, &store, why, sizeof(why)))
        fail_msg("%s", why);
}

static inline void reopen(void)
{
    store_close(store);
    open_store();
}

static inline int set_text(const char *key, size_t len, const char *value, size_t value_len,
                           int64_t expires_ms)
{
    return store_set(store, &(struct store_item){key, value, len, value_len, expires_ms}, 1);
}

static inline int set(unsigned key, size_t value_len)
{
    char *value = malloc(value_len);

    memset(value, (int)('a' + key % 26), value_len);
    int error = set_text((char *)&key, sizeof(key), value, value_len, 0);
    free(value);
    return error;
}

static inline int delete (unsigned key)
{
    return store_delete(store, (char *)&key, sizeof(key), 0);
}

static inline void assert_there(unsigned key, size_t value_len)
{
    char *value;
    int64_t len = store_get(store, (char *)&key, sizeof(key), 0, &value);

    assert_int_equal(len, value_len);
    assert_int_equal(value[0], 'a' + key % 26);
    assert_int_equal(value[value_len - 1], 'a' + key % 26);
}

static inline void assert_gone(unsigned key)
{
    char *value;

    assert_int_equal(store_get(store, (char *)&key, sizeof(key), 0, &value), -ENOENT);
}

static inline void compact_all(void)
{
    int result;

    while ((result = store_compact(store, 0)) > 0)
        ;
    assert_int_equal(result, 0);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

#endif
