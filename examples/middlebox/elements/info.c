/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AddressInfo: names for addresses. ScheduleInfo: shares of the processor. As Click's; a share is a
 * number of 1024ths. AlignmentInfo and ClickyInfo (what a graphical
 * tool shows) mean nothing here and are accepted.
 */
#include "../engine/router.h"

static int addressinfo_configure(struct element *e, struct conf *c)
{
    struct str prefix = str_of(e->name);

    while (prefix.len && prefix.s[prefix.len - 1] != '/')
        prefix.len--;
    for (unsigned i = 0; i < c->argc; i++) {
        struct str rest = c->argv[i], name = str_word(&rest), value;
        struct text full = {0};
        int rc;

        if (!rest.len)
            return conf_error(c, c->argv[i], "expected 'NAME ADDRESS...'");
        text_str(&full, prefix);
        text_str(&full, name);
        rc = full.cut ? -1 : 0;
        while (rc == 0 && (value = str_word(&rest)).len)
            rc = name_add(e->router, (struct str){full.s, full.len}, value, c->errs,
                          conf_pos(c, value.s));
        text_free(&full);
        if (rc != 0)
            return -1;
    }
    return 0;
}

static int scheduleinfo_configure(struct element *e, struct conf *c)
{
    (void)e;
    for (unsigned i = 0; i < c->argc; i++) {
        struct str rest = c->argv[i], name = str_word(&rest);
        struct element *target = conf_element(c, name);
        uint64_t tickets;

        if (!target)
            return conf_error(c, name, "there is no element '%.*s'", (int)name.len, name.s);
        if (!value_decimal(rest, 1024, &tickets) || tickets > 1u << 20)
            return conf_error(c, c->argv[i], "expected 'ELEMENT SHARE'");
        /* no share would mean never: the least there is instead */
        target->task.stride = (uint32_t)((1u << 26) / (tickets ? tickets : 1));
    }
    return 0;
}

#define INFO_CLASS(id, configure_, flags_)                                                         \
    const struct element_class class_##id = {                                                      \
        .name = #id,                                                                               \
        .ports = "0/0",                                                                            \
        .processing = "a/a",                                                                       \
        .size = sizeof(struct element),                                                            \
        .flags = CLASS_ARGS | flags_,                                                              \
        .configure = configure_,                                                                   \
    }

INFO_CLASS(AddressInfo, addressinfo_configure, CLASS_INFO);
INFO_CLASS(ScheduleInfo, scheduleinfo_configure, 0);
INFO_CLASS(AlignmentInfo, NULL, 0);
