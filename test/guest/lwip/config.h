/* SPDX-License-Identifier: BSD-2-Clause */
/* lwIP's unit tests include it; there is nothing to say. */
