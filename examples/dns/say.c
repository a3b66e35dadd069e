/* SPDX-License-Identifier: BSD-2-Clause */
#include "say.h"

#include <string.h>
#include <unistd.h>

void say(const char *text)
{
    write(STDOUT_FILENO, text, strlen(text));
}

void say_number(uint64_t number)
{
    char text[21], *at = text + sizeof(text) - 1;

    *at = '\0';
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    say(at);
}
