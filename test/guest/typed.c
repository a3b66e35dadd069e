/* SPDX-License-Identifier: BSD-2-Clause */
/* Shows each line that is typed, until "end"; its status is their number. */
#include <stdio.h>
#include <string.h>

int main(void)
{
    char line[64];
    int n = 0;

    printf("type\n");
    while (fgets(line, sizeof(line), stdin) && strcmp(line, "end\n") != 0)
        printf("line %d: %zu bytes: %s", ++n, strlen(line), line);
    return n;
}
