/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/elf_text.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define TEXT_FILE_MAX (512ll << 20)
#define TEXT_NEAR 32	/* bytes before and behind a place in code that belong to it */
#define TEXT_LIB_SSL 20	/* ERR_LIB_SSL */

#if defined(__x86_64__)

/* A file in memory, and what is looked for in it. */
struct text_search {
	const struct px_elf *e;
	struct px_bytes file;
	Elf64_Shdr frames;
	size_t count;
	struct {
		uint64_t address;	/* 0: there is no such text */
		uint32_t number;	/* that it comes with; 0: it comes alone */
	} texts[PX_ELF_TEXTS_MAX];
	uint64_t *starts;	/* addresses of functions that refer to them */
	bool is_shared[PX_ELF_TEXTS_MAX];	/* more than one does */
};

static int32_t text_number(const struct text_search *s, uint64_t at)
{
	int32_t n;

	memcpy(&n, s->file.ptr + at, sizeof(n));
	return n;
}

/* The text `name`, of that length, between two 0 bytes; or what ends with it, if is_end. */
static uint64_t text_find(const struct text_search *s, const char *name, size_t len, bool is_end)
{
	char whole[64] = { 0 };
	const char *found;

	if (len + 2 > sizeof(whole))
		return 0;
	memcpy(whole + 1, name, len);
	found = is_end ? memmem(s->file.ptr, s->file.len, whole + 1, len + 1)
		       : memmem(s->file.ptr, s->file.len, whole, len + 2);
	if (!found)
		return 0;
	found += !is_end;
	while (found > s->file.ptr && found[-1])
		found--;
	for (size_t i = 0; i < s->e->load_count; i++) {
		const Elf64_Phdr *p = &s->e->loads[i];
		uint64_t at = (uint64_t)(found - s->file.ptr);

		if (at >= p->p_offset && at - p->p_offset < p->p_filesz)
			return at - p->p_offset + p->p_vaddr;
	}
	return 0;
}

/*
 * The function that an address is in, by .eh_frame, which stripping leaves: entries of a length, a
 * number that is 0 for what several have in common and else leads back to that, and the function's
 * address relative to its own place. Compilers for amd64 write it in no other way; what leads nowhere
 * is not taken.
 */
static uint64_t text_function(const struct text_search *s, uint64_t address)
{
	uint64_t best = 0, at = s->frames.sh_offset, end = at + s->frames.sh_size;

	while (at + 12 <= end) {
		uint32_t len = (uint32_t)text_number(s, at);
		uint64_t start = s->frames.sh_addr + (at + 8 - s->frames.sh_offset) +
				 (uint64_t)(int64_t)text_number(s, at + 8);

		if (text_number(s, at + 4) != 0 && start <= address && start > best)
			best = start;
		if (len < 4 || len >= end - at - 4)
			break;
		at += 4 + len;
	}
	return best;
}

/* The address that the instruction whose last four bytes are at `at` loads into a register; 0: none. */
static uint64_t text_loaded(const struct text_search *s, uint64_t at, uint64_t address)
{
	const unsigned char *p = (const unsigned char *)s->file.ptr + at;

	if (p[-2] == 0x8d && (p[-1] & 0xc7) == 0x05 && (p[-3] & 0xfb) == 0x48)	/* lea n(%rip) */
		return address + 4 + (uint64_t)(int64_t)text_number(s, at);
	if ((p[-1] & 0xf8) == 0xb8)	/* mov $n, for programs that are not moved */
		return (uint32_t)text_number(s, at);
	return 0;
}

/*
 * OpenSSL 1.1 calls ERR_put_error(ERR_LIB_SSL, number, why, file, line): instructions that load these are
 * next to one another, in any order.
 */
static bool text_has_number(const struct text_search *s, uint64_t at, uint32_t number)
{
	unsigned char first[] = { 0xbf, TEXT_LIB_SSL, 0, 0, 0 }, second[] = { 0xbe, 0, 0, 0, 0 };
	const char *near = s->file.ptr + at - TEXT_NEAR;

	memcpy(second + 1, &number, sizeof(number));	/* mov $number, %esi; and to %edi */
	return memmem(near, 2 * TEXT_NEAR, first, sizeof(first)) &&
	       memmem(near, 2 * TEXT_NEAR, second, sizeof(second));
}

static void text_refers(struct text_search *s, size_t i, uint64_t address)
{
	uint64_t start = text_function(s, address);

	if (s->starts[i] && s->starts[i] != start)
		s->is_shared[i] = true;
	s->starts[i] = start;
}

static void text_search_code(struct text_search *s, const Elf64_Phdr *p)
{
	if (!(p->p_flags & PF_X) || p->p_offset > s->file.len ||
	    p->p_filesz > s->file.len - p->p_offset)
		return;
	for (uint64_t at = TEXT_NEAR; at + TEXT_NEAR <= p->p_filesz; at++) {
		uint64_t loaded = text_loaded(s, p->p_offset + at, p->p_vaddr + at);

		for (size_t i = 0; loaded && i < s->count; i++)
			if (loaded == s->texts[i].address &&
			    (!s->texts[i].number ||
			     text_has_number(s, p->p_offset + at, s->texts[i].number)))
				text_refers(s, i, p->p_vaddr + at);
	}
}

void px_elf_by_text(const struct px_elf *e, const char *const *names, size_t count, uint64_t *offsets)
{
	struct text_search s = { .e = e, .count = count, .starts = offsets };
	void *file = MAP_FAILED;
	struct stat st;

	memset(offsets, 0, count * sizeof(*offsets));
	if (count > PX_ELF_TEXTS_MAX || !px_elf_section(e, ".eh_frame", &s.frames) ||
	    fstat(e->fd, &st) < 0 || st.st_size > TEXT_FILE_MAX ||
	    s.frames.sh_offset > (uint64_t)st.st_size ||
	    s.frames.sh_size > (uint64_t)st.st_size - s.frames.sh_offset)
		return;
	file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, e->fd, 0);
	if (file == MAP_FAILED)
		return;
	s.file = px_bytes_of(file, (size_t)st.st_size);
	for (size_t i = 0; i < count; i++) {
		size_t len = strcspn(names[i], ":");

		s.texts[i].number = names[i][len] ? (uint32_t)strtoul(names[i] + len + 1, NULL, 10) : 0;
		s.texts[i].address = text_find(&s, names[i], len, s.texts[i].number != 0);
	}
	for (size_t i = 0; i < e->load_count && s.texts[0].address; i++)
		text_search_code(&s, &e->loads[i]);
	munmap(file, (size_t)st.st_size);
	for (size_t i = 0; i < count; i++)
		offsets[i] = s.is_shared[i] ? 0 : px_elf_offset(e, offsets[i]);
}

#else

void px_elf_by_text(const struct px_elf *e, const char *const *names, size_t count, uint64_t *offsets)
{
	(void)e;
	(void)names;
	memset(offsets, 0, count * sizeof(*offsets));
}

#endif
