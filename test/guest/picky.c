/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Says that it is up and stays, but for the third guest of a fleet: with the argument "fails" that
 * one ends, with "silent" it says nothing.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sprat/xenstore.h>

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    char name[64];
    int len = xenstore_read(XENSTORE_NO_TX, "name", name, sizeof(name));
    bool third = len > 2 && strcmp(name + len - 2, "-3") == 0;

    if (third && strcmp(how, "fails") == 0)
        return EXIT_FAILURE;
    if (!third || strcmp(how, "silent") != 0)
        printf("Picky, from Sprat\n");
    pause();
    return EXIT_SUCCESS;
}
