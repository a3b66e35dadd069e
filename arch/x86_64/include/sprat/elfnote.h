/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * ELF notes of an image, with the owner "Sprat": what it can do beyond what Xen asks of a guest. A
 * toolstack may make use of it. Read by the compiler and the assembler.
 */
#ifndef SPRAT_ELFNOTE_H
#define SPRAT_ELFNOTE_H

/**
 * Console and xenstore may have one event channel: start_info gives the same port for both. A host
 * then has half as many to look through. No description.
 */
#define SPRAT_ELFNOTE_ONE_CHANNEL 1

#endif
