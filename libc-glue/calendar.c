/* SPDX-License-Identifier: BSD-2-Clause */
/* Dates as seconds since 1970. */
#include <time.h>

#include <errno.h>
#include <limits.h>
#include <stdint.h>

#include <sprat/compiler.h>

#include "fail.h"

#define S_PER_DAY  86400
#define FIRST_YEAR 1900   /* a struct tm counts from it */
#define DAYS_1970  719468 /* from the first of March of the year 0 on */

static int64_t divided(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

/* Days from 1970 to the first of a month (0: January), any number of which make years. Years that
 * begin in March have the day that may be missing at their end. */
static int64_t days_to(int64_t year, int64_t month)
{
    int64_t months = year * 12 + month - 2, in_year;

    year = divided(months, 12);
    in_year = months - year * 12;
    return year * 365 + divided(year, 4) - divided(year, 100) + divided(year, 400) +
           (in_year * 153 + 2) / 5 - DAYS_1970;
}

SPRAT_API time_t timegm(struct tm *date)
{
    int64_t days = days_to((int64_t)FIRST_YEAR + date->tm_year, date->tm_mon) + date->tm_mday - 1;
    time_t time = days * S_PER_DAY + (int64_t)date->tm_hour * 3600 + (int64_t)date->tm_min * 60 +
                  date->tm_sec;

    if (time < days_to((int64_t)FIRST_YEAR + INT_MIN, 0) * S_PER_DAY ||
        time >= days_to((int64_t)FIRST_YEAR + INT_MAX + 1, 0) * S_PER_DAY)
        return fail(EOVERFLOW);
    gmtime_r(&time, date);
    return time;
}

SPRAT_API time_t timelocal(struct tm *date)
{
    return mktime(date);
}
