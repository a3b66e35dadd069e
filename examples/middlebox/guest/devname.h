/* SPDX-License-Identifier: BSD-2-Clause */
/** @file What devices are called in a guest. */
#ifndef SPRAT_MIDDLEBOX_DEVNAME_H
#define SPRAT_MIDDLEBOX_DEVNAME_H

#define DEVNAME_NUMBERS 16 /* interfaces of one guest */

/**
 * The interface's number that a device's name ends in: eth0, xen1, or just 2.
 *
 * @return NULL, or why there can be no such device.
 */
const char *devname_number(const char *name, unsigned *number);

#endif
