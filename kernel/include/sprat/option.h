/* SPDX-License-Identifier: BSD-2-Clause */
/** The runtime's options on the command line: sprat.NAME or sprat.NAME=VALUE. */
#ifndef SPRAT_OPTION_H
#define SPRAT_OPTION_H

/**
 * Take an option; given twice, the last one counts.
 *
 * @param name  without "sprat.".
 * @return its value, "" when it has none, NULL when it was not given (or taken already).
 */
const char *option_take(const char *name);

/**
 * Take an option of a family, whose names begin alike: of "sprat.disk.xvda=/data" and "disk." this
 * is "xvda=/data".
 *
 * @return what follows the prefix, of the first that was not taken yet; NULL when there is none.
 */
const char *option_take_any(const char *prefix);

/** Say of each option that nobody took that it means nothing here. Once, before main(). */
void option_refuse_rest(void);

#endif
