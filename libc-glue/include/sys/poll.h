/* SPDX-License-Identifier: BSD-2-Clause */
/** <poll.h>, by its older name. */
#include <poll.h>
