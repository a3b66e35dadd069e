/* SPDX-License-Identifier: BSD-2-Clause */
/** The name that some programs know <syslog.h> by. */
#include <syslog.h>
