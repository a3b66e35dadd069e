/* SPDX-License-Identifier: BSD-2-Clause */
#include "fsops.h"

static uint64_t state;

void seed(uint64_t number)
{
    state = number;
}

uint64_t below(uint64_t n)
{
    uint64_t z = state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (z ^ z >> 31) % n;
}

unsigned some_file(void)
{
    return (unsigned)below(N_FILES);
}

off_t some_place(void)
{
    static const off_t places[] = {0, 1, 511, 4095, 4096, 4097, 10000, 65536, 1000000, FAR, -1};

    return places[below(sizeof(places) / sizeof(places[0]))];
}
