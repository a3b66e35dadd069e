/* SPDX-License-Identifier: BSD-2-Clause */
#include "pattern.h"

#include <stdint.h>

bool pattern_match(const char *pattern, size_t pattern_len, const char *name, size_t len)
{
    size_t p = 0, n = 0, star = SIZE_MAX, star_n = 0;

    /* The last star takes one more whenever what is behind it does not fit. */
    while (n < len || p < pattern_len) {
        char c = p < pattern_len ? pattern[p] : '\0';
        bool fits = false;
        size_t next = p + 1;
        if (p < pattern_len && c == '*') {
            star = p++;
            star_n = n;
            continue;
        }
        if (p < pattern_len && n < len) {
            if (c == '[') {
                bool negated = next < pattern_len && pattern[next] == '^';
                next += negated;
                for (; next < pattern_len && pattern[next] != ']'; next++) {
                    char from = pattern[next], to = from;
                    if (next + 2 < pattern_len && pattern[next + 1] == '-') {
                        to = pattern[next + 2];
                        next += 2;
                    }
                    fits |= name[n] >= from && name[n] <= to;
                }
                next += next < pattern_len;
                fits ^= negated;
            } else {
                if (c == '\\' && next < pattern_len)
                    c = pattern[next++];
                else if (c == '?')
                    c = name[n];
                fits = c == name[n];
            }
        }
        if (fits) {
            p = next;
            n++;
        } else if (star != SIZE_MAX && star_n < len) {
            p = star + 1;
            n = ++star_n;
        } else {
            return false;
        }
    }
    return true;
}
