/* SPDX-License-Identifier: BSD-2-Clause */
/** What is measured: things that a PV guest asks of Xen, or of another domain, all the time. */
#ifndef PVBENCH_OPERATION_H
#define PVBENCH_OPERATION_H

#include <stdbool.h>
#include <stddef.h>

struct operation {
    const char *name;
    const char *needs;    /**< what it is left out without: then something gives -ENOTCONN */
    int (*prepare)(void); /**< once; 0 or -errno. May be NULL */
    int (*run)(void);     /**< what is measured; 0 or -errno */
    int (*again)(void);   /**< makes the next run() possible, unmeasured. May be NULL */
};

extern const struct operation operations[];
extern const size_t n_operations;

/** Take the round trip with another guest: let its domain connect. @return 0 or -errno. */
int peer_expect(unsigned domid);

/** Be that other guest: answer each event with one, until the host ends the guest. */
int peer_answer(void);

#endif
