/* SPDX-License-Identifier: BSD-2-Clause */
#include "devname.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char *devname_number(const char *name, unsigned *number)
{
    const char *digits = name + strlen(name);

    while (digits > name && isdigit((unsigned char)digits[-1]))
        digits--;
    if (!*digits)
        return "a device's name ends in its interface's number, as eth0 does";
    unsigned long value = strtoul(digits, NULL, 10);
    if (value >= DEVNAME_NUMBERS)
        return "a guest's interfaces have numbers from 0 to 15";
    *number = (unsigned)value;
    return NULL;
}
