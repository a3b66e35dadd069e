/* SPDX-License-Identifier: BSD-2-Clause */
#include "master.h"

#include <string.h>
#include <strings.h>

#include "lex.h"
#include "rdata.h"

struct reader {
    struct lex lex;
    struct token token; /* the one that is looked at */
    struct zone *zone;
    struct zone_error *error;
    struct name origin, owner;
    bool has_origin, has_owner, has_ttl, has_default_ttl;
    uint32_t ttl_s;         /* the last one that was written */
    uint32_t default_ttl_s; /* $TTL's */
};

static int fail(struct reader *reader, const struct token *token, const char *why)
{
    *reader->error = (struct zone_error){.line = token->line, .column = token->column, .why = why};
    if (token->kind == TOKEN_WORD || token->kind == TOKEN_STRING)
        zone_error_about(reader->error, token->text, token->len);
    return -1;
}

static void next(struct reader *reader)
{
    reader->token = lex_next(&reader->lex);
}

static bool is_word(const struct token *token, const char *word)
{
    return token->kind == TOKEN_WORD && token->len == strlen(word) &&
           strncasecmp(token->text, word, token->len) == 0;
}

static bool is_end(const struct token *token)
{
    return token->kind == TOKEN_LINE_END || token->kind == TOKEN_END;
}

static int read_name(struct reader *reader, struct name *name)
{
    const struct token *token = &reader->token;

    if (token->kind == TOKEN_BAD)
        return fail(reader, token, token->why);
    if (token->kind != TOKEN_WORD)
        return fail(reader, token, "a name must be here");
    const char *why =
        name_parse(name, token->text, token->len, reader->has_origin ? &reader->origin : NULL);
    return why ? fail(reader, token, why) : 0;
}

/* $ORIGIN, $TTL: each has one word. */
static int directive(struct reader *reader)
{
    struct token what = reader->token;

    next(reader);
    if (is_word(&what, "$ORIGIN")) {
        struct name origin;
        if (read_name(reader, &origin))
            return -1;
        reader->origin = origin;
        reader->has_origin = true;
    } else if (is_word(&what, "$TTL")) {
        const struct token *token = &reader->token;
        if (token->kind != TOKEN_WORD ||
            rdata_seconds(token->text, token->len, &reader->default_ttl_s))
            return fail(reader, token, "$TTL takes seconds up to 2147483647, or as in 1h30m");
        reader->has_default_ttl = true;
    } else if (is_word(&what, "$INCLUDE")) {
        return fail(reader, &what, "no other files are read: write the records here");
    } else {
        return fail(reader, &what, "there are $ORIGIN and $TTL only");
    }
    next(reader);
    if (reader->token.kind == TOKEN_BAD)
        return fail(reader, &reader->token, reader->token.why);
    return is_end(&reader->token) ? 0 : fail(reader, &reader->token, "a word too many");
}

/* [TTL] [CLASS] TYPE, the first two in any order. */
static int before_data(struct reader *reader, uint16_t *type, bool *has_ttl)
{
    bool has_class = false;

    *has_ttl = false;
    for (;; next(reader)) {
        const struct token *token = &reader->token;
        uint32_t seconds;
        if (token->kind == TOKEN_BAD)
            return fail(reader, token, token->why);
        if (token->kind != TOKEN_WORD)
            return fail(reader, token, "a record's type must be here, as in A or MX");
        if (!*has_ttl && token->text[0] >= '0' && token->text[0] <= '9') {
            if (rdata_seconds(token->text, token->len, &seconds))
                return fail(reader, token, "no TTL: seconds up to 2147483647, or as in 1h30m");
            reader->ttl_s = seconds;
            *has_ttl = true;
        } else if (!has_class && (is_word(token, "IN") || is_word(token, "CLASS1"))) {
            has_class = true;
        } else if (is_word(token, "CH") || is_word(token, "HS") || is_word(token, "CS")) {
            return fail(reader, token, "the only class that is served is IN");
        } else {
            *type = rdata_type(token->text, token->len);
            return *type ? 0
                         : fail(reader, token, "no type that is known; others are written TYPEn");
        }
    }
}

/* DNSSEC would have to be served with its proofs, DNAME by rewriting; queries are no records. */
static bool is_served(uint16_t type)
{
    enum { DNAME = 39, RRSIG = 46, NSEC = 47, DNSKEY = 48, NSEC3 = 50, NSEC3PARAM = 51 };

    return type != DNAME && type != TYPE_OPT && !(type >= RRSIG && type <= DNSKEY) &&
           type != NSEC3 && type != NSEC3PARAM && !(type >= 249 && type <= TYPE_ANY) && type;
}

static int record(struct reader *reader)
{
    static uint8_t data[RDATA_MAX]; /* large for a stack; there is one thread */
    const char *why;
    uint16_t type = 0;
    bool has_ttl;
    struct token first = reader->token;

    if (before_data(reader, &type, &has_ttl))
        return -1;
    if (!is_served(type))
        return fail(reader, &reader->token, "records of this type can't be served");
    struct token at = reader->token;
    next(reader);
    int len = rdata_parse(type, &reader->lex, &reader->token,
                          reader->has_origin ? &reader->origin : NULL, data, &why);
    if (len < 0)
        return fail(reader, &reader->token, why);
    if (!has_ttl && reader->has_default_ttl)
        reader->ttl_s = reader->default_ttl_s;
    else if (!has_ttl && !reader->has_ttl)
        return fail(reader, &first, "no TTL: write one before, or a $TTL above");
    reader->has_ttl = true;
    why = zone_add(reader->zone, &reader->owner, type, reader->ttl_s, data, (size_t)len, at.line);
    return why ? fail(reader, &at, why) : 0;
}

/* One line, or several with parentheses. */
static int entry(struct reader *reader)
{
    next(reader);
    struct token *token = &reader->token;
    if (is_end(token))
        return 0;
    if (token->kind == TOKEN_WORD && token->text[0] == '$')
        return directive(reader);
    if (token->kind == TOKEN_BLANK) {
        next(reader);
        if (is_end(token))
            return 0;
        if (!reader->has_owner)
            return fail(reader, token, "the first record needs a name at the line's start");
    } else {
        if (read_name(reader, &reader->owner))
            return -1;
        reader->has_owner = true;
        next(reader);
    }
    return record(reader);
}

struct zone *master_read(const char *text, size_t len, const struct name *origin,
                         struct zone_error *error)
{
    static struct reader reader; /* large for a stack; there is one thread */

    reader = (struct reader){.zone = zone_new(), .error = error, .has_origin = origin != NULL};
    if (!reader.zone) {
        *error = (struct zone_error){.line = 1, .column = 1, .why = "no memory is left"};
        return NULL;
    }
    if (origin)
        reader.origin = *origin;
    lex_begin(&reader.lex, text, len);
    do {
        if (entry(&reader))
            goto err_zone;
    } while (reader.token.kind != TOKEN_END);
    if (zone_finish(reader.zone, error) == 0)
        return reader.zone;
err_zone:
    zone_free(reader.zone);
    return NULL;
}
