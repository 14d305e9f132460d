/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of a program without symbols, by what they say of themselves in messages of errors. */
#ifndef PX_CAPTURE_ELF_TEXT_H
#define PX_CAPTURE_ELF_TEXT_H

#include "capture/elf.h"

#define PX_ELF_TEXTS_MAX 20

/*
 * A function whose messages of errors name it (__func__) has the address of that text in its code, and
 * it alone; "FILE:NUMBER" stands for one whose messages name that source file (which may have folders
 * before it) and a number of the function. offsets[i]: where the function begins that names[i], of at
 * most PX_ELF_TEXTS_MAX, stands for; 0: none, or more than one refers to it. Of amd64 alone; the file
 * is read as a whole.
 */
void px_elf_by_text(const struct px_elf *e, const char *const *names, size_t count, uint64_t *offsets);

#endif
