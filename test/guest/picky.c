/* SPDX-License-Identifier: BSD-2-Clause */
/* Stays like hello, but for the guest whose number, its second argument, is 3: that one fails. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[2], "3") == 0)
        return EXIT_FAILURE;
    printf("Picky, from Sprat\n");
    pause();
    return EXIT_SUCCESS;
}
