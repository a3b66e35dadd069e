/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/decimal.h>

bool decimal_parse(const char *text, uint64_t *value)
{
    uint64_t number = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        unsigned digit = (unsigned)(*text - '0');
        if (digit > 9 || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, digit, &number))
            return false;
    }
    *value = number;
    return true;
}

char *decimal_text(uint64_t value, char *text)
{
    char digits[DECIMAL_MAX];
    int n = 0;

    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    char *to = text;
    while (n)
        *to++ = digits[--n];
    *to = '\0';
    return text;
}
