/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/elf.h"

#include <stdlib.h>
#include <unistd.h>

#define ELF_TABLE_MAX (128u << 20)	/* bytes of a table of symbols or of their names */
#define ELF_CHAIN_MAX 4096		/* symbols with the same hash that are looked at */
#define ELF_NAME_MAX 64

#if defined(__aarch64__)
#define ELF_MACHINE EM_AARCH64
#else
#define ELF_MACHINE EM_X86_64
#endif

bool px_elf_read(const struct px_elf *e, uint64_t at, void *out, size_t size)
{
	return at <= INT64_MAX - size && pread(e->fd, out, size, (off_t)at) == (ssize_t)size;
}

uint64_t px_elf_offset(const struct px_elf *e, uint64_t address)
{
	for (size_t i = 0; i < e->load_count; i++) {
		const Elf64_Phdr *p = &e->loads[i];

		if (address >= p->p_vaddr && address - p->p_vaddr < p->p_filesz)
			return address - p->p_vaddr + p->p_offset;
	}
	return 0;
}

static void elf_dynamic(struct px_elf *e, const Elf64_Phdr *dynamic)
{
	Elf64_Dyn d;

	for (uint64_t at = 0; at + sizeof(d) <= dynamic->p_filesz; at += sizeof(d)) {
		if (!px_elf_read(e, dynamic->p_offset + at, &d, sizeof(d)) || d.d_tag == DT_NULL)
			return;
		if (d.d_tag == DT_SYMTAB)
			e->symbols = px_elf_offset(e, d.d_un.d_ptr);
		else if (d.d_tag == DT_STRTAB)
			e->names = px_elf_offset(e, d.d_un.d_ptr);
		else if (d.d_tag == DT_STRSZ)
			e->names_size = d.d_un.d_val;
		else if (d.d_tag == DT_GNU_HASH)
			e->gnu_hash = px_elf_offset(e, d.d_un.d_ptr);
		else if (d.d_tag == DT_HASH)
			e->hash = px_elf_offset(e, d.d_un.d_ptr);
	}
}

int px_elf_open(struct px_elf *e, int fd)
{
	Elf64_Phdr dynamic = { 0 };

	*e = (struct px_elf){ .fd = fd };
	if (!px_elf_read(e, 0, &e->head, sizeof(e->head)) ||
	    memcmp(e->head.e_ident, ELFMAG, SELFMAG) != 0 ||
	    e->head.e_ident[EI_CLASS] != ELFCLASS64 || e->head.e_machine != ELF_MACHINE ||
	    e->head.e_phentsize != sizeof(Elf64_Phdr))
		return -1;
	for (size_t i = 0; i < e->head.e_phnum; i++) {
		Elf64_Phdr p;

		if (!px_elf_read(e, e->head.e_phoff + i * sizeof(p), &p, sizeof(p)))
			return -1;
		if (p.p_type == PT_LOAD && e->load_count < PX_ELF_LOADS)
			e->loads[e->load_count++] = p;
		else if (p.p_type == PT_DYNAMIC)
			dynamic = p;
	}
	elf_dynamic(e, &dynamic);
	return 0;
}

/* Is this symbol the function of that name? Then its offset in the file, else 0. */
static uint64_t elf_match(const struct px_elf *e, uint64_t index, const char *name)
{
	char have[ELF_NAME_MAX];
	size_t len = strlen(name) + 1;
	Elf64_Sym s;

	if (len > sizeof(have) || !px_elf_read(e, e->symbols + index * sizeof(s), &s, sizeof(s)) ||
	    ELF64_ST_TYPE(s.st_info) != STT_FUNC || s.st_shndx == SHN_UNDEF ||
	    s.st_name >= e->names_size || !px_elf_read(e, e->names + s.st_name, have, len) ||
	    memcmp(have, name, len) != 0)
		return 0;
	return px_elf_offset(e, s.st_value);
}

/*
 * DT_GNU_HASH: a head, a filter of `bloom` words, `buckets` indexes of first symbols, and from symbol
 * `first` on a hash for each, whose lowest bit ends the chain.
 */
static uint64_t elf_find_gnu(const struct px_elf *e, const char *name)
{
	struct {
		uint32_t buckets, first, bloom, shift;
	} h;
	uint32_t hash = 5381, index, have;
	uint64_t at, word;

	for (const char *p = name; *p; p++)
		hash = hash * 33 + (unsigned char)*p;
	if (!px_elf_read(e, e->gnu_hash, &h, sizeof(h)) || !h.buckets || !h.bloom)
		return 0;
	at = e->gnu_hash + sizeof(h);
	if (!px_elf_read(e, at + (uint64_t)(hash / 64 % h.bloom) * 8, &word, sizeof(word)) ||
	    !(word >> (hash % 64) & 1) || !(word >> (hash >> (h.shift & 31)) % 64 & 1))
		return 0;
	at += (uint64_t)h.bloom * 8;
	if (!px_elf_read(e, at + (uint64_t)(hash % h.buckets) * 4, &index, sizeof(index)) ||
	    index < h.first)
		return 0;
	at += (uint64_t)h.buckets * 4;
	for (int i = 0; i < ELF_CHAIN_MAX; i++, index++) {
		uint64_t found;

		if (!px_elf_read(e, at + (uint64_t)(index - h.first) * 4, &have, sizeof(have)))
			return 0;
		found = (have | 1) == (hash | 1) ? elf_match(e, index, name) : 0;
		if (found || have & 1)
			return found;
	}
	return 0;
}

/* DT_HASH: the number of buckets and of symbols, first symbols by bucket, next ones by symbol. */
static uint64_t elf_find_old(const struct px_elf *e, const char *name)
{
	uint32_t h[2], hash = 0, index;

	for (const char *p = name; *p; p++) {
		hash = (hash << 4) + (unsigned char)*p;
		hash = (hash ^ (hash & 0xf0000000) >> 24) & 0x0fffffff;
	}
	if (!px_elf_read(e, e->hash, h, sizeof(h)) || !h[0] ||
	    !px_elf_read(e, e->hash + 8 + (uint64_t)(hash % h[0]) * 4, &index, sizeof(index)))
		return 0;
	for (int i = 0; i < ELF_CHAIN_MAX && index; i++) {
		uint64_t found = elf_match(e, index, name);

		if (found)
			return found;
		if (!px_elf_read(e, e->hash + 8 + ((uint64_t)h[0] + index) * 4, &index, sizeof(index)))
			return 0;
	}
	return 0;
}

uint64_t px_elf_exported(const struct px_elf *e, const char *name)
{
	if (!e->symbols || !e->names)
		return 0;
	if (e->gnu_hash)
		return elf_find_gnu(e, name);
	return e->hash ? elf_find_old(e, name) : 0;
}

void *px_elf_load(const struct px_elf *e, const Elf64_Shdr *s)
{
	void *data = NULL;

	if (s->sh_size && s->sh_size <= ELF_TABLE_MAX)
		data = malloc(s->sh_size);
	if (data && !px_elf_read(e, s->sh_offset, data, s->sh_size)) {
		free(data);
		data = NULL;
	}
	return data;
}

/* Symbols that are not hashed, because the file has them not: those before the hashed ones. */
static size_t elf_unhashed(const struct px_elf *e)
{
	uint32_t h[2];	/* buckets, then the first that is hashed, or for DT_HASH the number of symbols */

	if (!px_elf_read(e, e->gnu_hash ? e->gnu_hash : e->hash, h, sizeof(h)))
		return 0;
	return h[1] < ELF_TABLE_MAX / sizeof(Elf64_Sym) ? h[1] : 0;
}

static bool elf_is_one_of(struct px_bytes texts, uint32_t at, const char *const *names)
{
	for (size_t i = 0; at < texts.len && names[i]; i++) {
		size_t len = strlen(names[i]) + 1;

		if (texts.len - at >= len && memcmp(texts.ptr + at, names[i], len) == 0)
			return true;
	}
	return false;
}

bool px_elf_imports(const struct px_elf *e, const char *const *names)
{
	size_t count = e->symbols && e->names && (e->gnu_hash || e->hash) ? elf_unhashed(e) : 0;
	Elf64_Shdr symbols = { .sh_offset = e->symbols, .sh_size = count * sizeof(Elf64_Sym) };
	Elf64_Shdr texts = { .sh_offset = e->names, .sh_size = e->names_size };
	Elf64_Sym *s = px_elf_load(e, &symbols);
	char *text = s ? px_elf_load(e, &texts) : NULL;
	bool found = false;

	for (size_t i = 0; text && i < count && !found; i++)
		found = s[i].st_shndx == SHN_UNDEF &&
			elf_is_one_of(px_bytes_of(text, e->names_size), s[i].st_name, names);
	free(s);
	free(text);
	return found;
}

static void elf_symbols(const struct px_elf *e, const Elf64_Sym *symbols, size_t symbol_count,
			struct px_bytes texts, const char *const *names, size_t count,
			uint64_t *offsets)
{
	for (size_t i = 0; i < symbol_count; i++) {
		const Elf64_Sym *s = &symbols[i];

		if (ELF64_ST_TYPE(s->st_info) != STT_FUNC || s->st_shndx == SHN_UNDEF ||
		    s->st_name >= texts.len)
			continue;
		for (size_t n = 0; n < count; n++) {
			size_t len = strlen(names[n]) + 1;

			if (!offsets[n] && texts.len - s->st_name >= len &&
			    memcmp(texts.ptr + s->st_name, names[n], len) == 0)
				offsets[n] = px_elf_offset(e, s->st_value);
		}
	}
}

bool px_elf_section(const struct px_elf *e, const char *name, Elf64_Shdr *out)
{
	size_t len = strlen(name) + 1;
	uint64_t at = e->head.e_shoff;
	char have[ELF_NAME_MAX];
	Elf64_Shdr names;

	if (!at || e->head.e_shentsize != sizeof(names) || len > sizeof(have) ||
	    !px_elf_read(e, at + (uint64_t)e->head.e_shstrndx * sizeof(names), &names, sizeof(names)))
		return false;
	for (size_t i = 0; i < e->head.e_shnum; i++, at += sizeof(*out))
		if (px_elf_read(e, at, out, sizeof(*out)) && out->sh_type != SHT_NOBITS &&
		    out->sh_name < names.sh_size &&
		    px_elf_read(e, names.sh_offset + out->sh_name, have, len) &&
		    memcmp(have, name, len) == 0)
			return true;
	return false;
}

void px_elf_local(const struct px_elf *e, const char *const *names, size_t count, uint64_t *offsets)
{
	Elf64_Shdr table, texts;
	uint64_t at = e->head.e_shoff;

	if (!at || e->head.e_shentsize != sizeof(table))
		return;
	for (size_t i = 0; i < e->head.e_shnum; i++, at += sizeof(table)) {
		Elf64_Sym *symbols;
		char *text = NULL;

		if (!px_elf_read(e, at, &table, sizeof(table)) || table.sh_type != SHT_SYMTAB ||
		    !px_elf_read(e, e->head.e_shoff + (uint64_t)table.sh_link * sizeof(texts), &texts,
			      sizeof(texts)))
			continue;
		symbols = px_elf_load(e, &table);
		if (symbols)
			text = px_elf_load(e, &texts);
		if (text)
			elf_symbols(e, symbols, table.sh_size / sizeof(*symbols),
				    px_bytes_of(text, texts.sh_size), names, count, offsets);
		free(symbols);
		free(text);
	}
}
