/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * JSON (RFC 8259), as far as the daemon's protocol takes it: one object a line.
 */
#ifndef SPRAT_TOOLSTACK_JSON_H
#define SPRAT_TOOLSTACK_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fail.h"

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_type type;
    bool boolean;
    double number;
    char *string;              /* UTF-8, without NUL inside */
    char *key;                 /* as a member of an object */
    struct json *first, *next; /* members or elements */
};

/** Parse one value that fills the text. @param json to be freed by json_free(). @return 0 or
 * -errno. */
int json_parse(const char *text, size_t len, struct json **json, struct fail *fail);

void json_free(struct json *json);

/** A member of an object, or NULL. */
const struct json *json_get(const struct json *object, const char *key);

/** A member that is a string, or `otherwise` if there is none or it is of another type. */
const char *json_get_string(const struct json *object, const char *key, const char *otherwise);

/** A member that is a number, likewise. */
double json_get_number(const struct json *object, const char *key, double otherwise);

bool json_get_bool(const struct json *object, const char *key, bool otherwise);

/** Text that is being written. Out of memory: `failed` is set, and further writing does nothing. */
struct json_out {
    char *text; /* with a NUL */
    size_t len, size;
    bool failed, comma;
};

void json_open(struct json_out *out, const char *key, char bracket);
void json_close(struct json_out *out, char bracket);
/** A text in UTF-8; of what is not, each byte as the Latin-1 character. */
void json_put_string(struct json_out *out, const char *key, const char *value);
/** What may be in any code, as a guest's output: each byte as the Latin-1 character. */
void json_put_bytes(struct json_out *out, const char *key, const char *value, size_t len);
void json_put_number(struct json_out *out, const char *key, int64_t value);
void json_put_bool(struct json_out *out, const char *key, bool value);
/** A value that is JSON already; NULL writes null. */
void json_put_json(struct json_out *out, const char *key, const char *json);
void json_end_line(struct json_out *out);

#endif
