/* SPDX-License-Identifier: BSD-2-Clause */
#include "proxy_guest.h"

union proxy_page page;
struct proxy proxy;
struct host host;
struct proxy_reply answer;

int setup(void **state)
{
    (void)state;
    proxy_free(&proxy, &host);
    memset(&page, 0, sizeof(page));
    fake_store_reset();
    proxy = (struct proxy){.ring = &page.ring, .port = 1, .domid = 7};
    return 0;
}

int teardown(void **state)
{
    (void)state;
    proxy_free(&proxy, &host);
    return 0;
}

void put(const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        page.ring.req[MASK_XENSTORE_IDX(page.ring.req_prod + i)] = ((const char *)bytes)[i];
    page.ring.req_prod += (XENSTORE_RING_IDX)len;
}

void ask(uint32_t type, uint32_t tx, const char *payload, size_t len)
{
    struct xsd_sockmsg header = {type, 42, tx, (uint32_t)len};

    put(&header, sizeof(header));
    put(payload, len);
    proxy_work(&proxy, &host);
}

void ask_long(uint32_t type, const char *payload, size_t len)
{
    struct xsd_sockmsg header = {type, 42, 0, (uint32_t)len};

    put(&header, sizeof(header));
    for (size_t at = 0, some; at < len; at += some) {
        some = len - at < 512 ? len - at : 512;
        put(payload + at, some);
        proxy_work(&proxy, &host);
    }
}

bool take_answer(void)
{
    char *to = (char *)&answer;
    size_t available = page.ring.rsp_prod - page.ring.rsp_cons, need = sizeof(answer.header);

    if (available < need)
        return false;
    for (size_t i = 0; i < need; i++) {
        to[i] = page.ring.rsp[MASK_XENSTORE_IDX(page.ring.rsp_cons++)];
        if (i + 1 == sizeof(answer.header))
            need += answer.header.len;
    }
    answer.text[answer.header.len] = '\0';
    return true;
}

void assert_answer(uint32_t type, const char *text)
{
    assert_true(take_answer());
    assert_int_equal(answer.header.type, type);
    assert_string_equal(answer.text, text);
}
