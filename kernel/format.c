/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/format.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define DIGITS_MAX 20 /* of a uint64_t in decimal */

struct output {
    char *buffer;
    size_t size, len;
};

static void put(struct output *out, char c)
{
    if (out->len + 1 < out->size)
        out->buffer[out->len] = c;
    out->len++;
}

static void put_repeated(struct output *out, char c, size_t from, size_t to)
{
    for (; from < to; from++)
        put(out, c);
}

static void put_number(struct output *out, uint64_t value, unsigned base, bool negative, char fill,
                       size_t width)
{
    char digits[DIGITS_MAX];
    size_t n = 0;

    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    if (negative && fill == '0')
        put(out, '-');
    put_repeated(out, fill, n + negative, width);
    if (negative && fill != '0')
        put(out, '-');
    while (n)
        put(out, digits[--n]);
}

struct spec {
    char fill;
    size_t width, precision;
    int longs; /* 0 int, 1 or 2 64 bits */
};

static const char *parse_spec(const char *fmt, struct spec *spec, va_list *args)
{
    *spec = (struct spec){.fill = ' ', .precision = SIZE_MAX};
    if (*fmt == '0')
        spec->fill = *fmt++;
    for (; *fmt >= '0' && *fmt <= '9'; fmt++)
        spec->width = spec->width * 10 + (size_t)(*fmt - '0');
    if (*fmt == '.') {
        fmt++;
        if (*fmt == '*') {
            int precision = va_arg(*args, int);
            spec->precision = precision < 0 ? SIZE_MAX : (size_t)precision;
            fmt++;
        } else {
            for (spec->precision = 0; *fmt >= '0' && *fmt <= '9'; fmt++)
                spec->precision = spec->precision * 10 + (size_t)(*fmt - '0');
        }
    }
    for (; *fmt == 'l' || *fmt == 'z'; fmt++)
        spec->longs++;
    return fmt;
}

size_t format_list(char *buffer, size_t size, const char *fmt, va_list list)
{
    struct output out = {buffer, size, 0};
    va_list args;

    va_copy(args, list);
    for (; *fmt; fmt++) {
        struct spec spec;
        if (*fmt != '%') {
            put(&out, *fmt);
            continue;
        }
        fmt = parse_spec(fmt + 1, &spec, &args);
        switch (*fmt) {
        case 'c':
            put(&out, (char)va_arg(args, int));
            break;
        case 's': {
            const char *text = va_arg(args, const char *);
            size_t len = strnlen(text, spec.precision);
            put_repeated(&out, ' ', len, spec.width);
            for (size_t i = 0; i < len; i++)
                put(&out, text[i]);
            break;
        }
        case 'd':
        case 'i': {
            int64_t value = spec.longs ? va_arg(args, long) : va_arg(args, int);
            put_number(&out, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, value < 0,
                       spec.fill, spec.width);
            break;
        }
        case 'u':
        case 'x': {
            uint64_t value = spec.longs ? va_arg(args, unsigned long) : va_arg(args, unsigned);
            put_number(&out, value, *fmt == 'u' ? 10 : 16, false, spec.fill, spec.width);
            break;
        }
        case 'p':
            put(&out, '0');
            put(&out, 'x');
            put_number(&out, (uintptr_t)va_arg(args, void *), 16, false, '0', 16);
            break;
        case '\0':
            fmt--; /* a lone % at the end */
            break;
        default:
            put(&out, *fmt);
        }
    }
    va_end(args);
    if (size)
        out.buffer[out.len < size ? out.len : size - 1] = '\0';
    return out.len;
}

size_t format(char *buffer, size_t size, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    size_t len = format_list(buffer, size, fmt, args);
    va_end(args);
    return len;
}
