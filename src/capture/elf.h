/* SPDX-License-Identifier: Apache-2.0 */
/* Where the functions of an ELF file are, by name. Files may be anybody's: nothing in them is believed. */
#ifndef PX_CAPTURE_ELF_H
#define PX_CAPTURE_ELF_H

#include <elf.h>

#include "base/bytes.h"

#define PX_ELF_LOADS 16

struct px_elf {
	int fd;			/* borrowed */
	Elf64_Ehdr head;
	Elf64_Phdr loads[PX_ELF_LOADS];	/* what is mapped */
	size_t load_count;
	uint64_t symbols, names, names_size, gnu_hash, hash;	/* file offsets of the dynamic ones; 0: none */
};

/* Returns 0, or -1 where it is no 64-bit ELF file of this machine. The file stays the caller's. */
PX_MUST_USE int px_elf_open(struct px_elf *e, int fd);

/* size bytes of the file from offset at on; false: they are not all there. */
PX_MUST_USE bool px_elf_read(const struct px_elf *e, uint64_t at, void *out, size_t size);

/* An address in memory as an offset in the file; 0: it is not mapped from there. */
uint64_t px_elf_offset(const struct px_elf *e, uint64_t address);

/* The section of that name that has bytes in the file. */
PX_MUST_USE bool px_elf_section(const struct px_elf *e, const char *name, Elf64_Shdr *out);

/* A section's content, of the heap; NULL where it is too large or not all there. */
void *px_elf_load(const struct px_elf *e, const Elf64_Shdr *s);

/* File offset of an exported function, 0 where there is none. */
uint64_t px_elf_exported(const struct px_elf *e, const char *name);

/* Does the file take one of these functions from elsewhere? names is ended by NULL. */
bool px_elf_imports(const struct px_elf *e, const char *const *names);

/*
 * As px_elf_exported() for functions that the file's own table of symbols has, exported or not: offsets[i] becomes
 * that of names[i] where it was 0 and the table knows it. It is read whole: for few files.
 */
void px_elf_local(const struct px_elf *e, const char *const *names, size_t count, uint64_t *offsets);

#endif
