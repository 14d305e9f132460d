/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/go_program.h"

#include <stdio.h>
#include <stdlib.h>

#include "capture/go_table.h"

#define GO_CODE_MAX (256 << 10)	/* bytes of one function */
#define GO_TABLE_ALIGN 32	/* of the table of functions */
#define GO_DATA_MAX (64u << 20)	/* bytes of a segment that is searched */

/* runtime/symtab.go, struct moduledata: since Go 1.16 these are at the same places. */
#define GO_MODULE_TABLE 0	/* address of the table of functions */
#define GO_MODULE_NAMES 8	/* address of its names */
#define GO_MODULE_TEXT 176	/* address of the text, which the table's offsets count from */

static const char *const go_names[PX_GO_FUNCTIONS] = {
	[PX_GO_READ] = "crypto/tls.(*Conn).Read",
	[PX_GO_WRITE] = "crypto/tls.(*Conn).Write",
	[PX_GO_CLIENT_HANDSHAKE] = "crypto/tls.(*Conn).clientHandshake",
	[PX_GO_SERVER_HANDSHAKE] = "crypto/tls.(*Conn).serverHandshake",
};

/*
 * .go.buildinfo, debug/buildinfo: 14 bytes of magic, size of pointers, flags; with flag 2 (Go 1.18)
 * from byte 32 on the version, "go1.26.1" behind its length.
 */
static void go_version(const struct px_elf *e, char *version, size_t size)
{
	static const char magic[] = "\xff Go buildinf:";
	Elf64_Shdr s;
	unsigned char head[33];
	char text[64] = { 0 };
	size_t len;

	if (!px_elf_section(e, ".go.buildinfo", &s) ||
	    !px_elf_read(e, s.sh_offset, head, sizeof(head)) ||
	    memcmp(head, magic, sizeof(magic) - 1) != 0 || !(head[15] & 2))
		return;
	len = head[32];
	if (len >= sizeof(text) || !px_elf_read(e, s.sh_offset + sizeof(head), text, len) ||
	    strncmp(text, "go", 2) != 0)
		return;
	text[strcspn(text, " \n")] = '\0';	/* experiments are named behind it */
	if (strlen(text + 2) < size)
		strcpy(version, text + 2);
}

/* What is put into memory when the program is loaded at any address, as gcc links it. */
struct go_relocations {
	Elf64_Rela *list;
	size_t count;
};

static struct go_relocations go_relocations(const struct px_elf *e)
{
	struct go_relocations r = { NULL, 0 };
	Elf64_Shdr s;

	if (e->head.e_type == ET_DYN && px_elf_section(e, ".rela.dyn", &s)) {
		r.list = px_elf_load(e, &s);
		r.count = r.list ? s.sh_size / sizeof(*r.list) : 0;
	}
	return r;
}

static bool go_is_relative(const Elf64_Rela *r)
{
	uint64_t type = ELF64_R_TYPE(r->r_info);

	return type == R_X86_64_RELATIVE || type == R_AARCH64_RELATIVE;
}

/* The pointer at an address. Go's own linker puts it into the file, too. */
static uint64_t go_pointer(const struct px_elf *e, const struct go_relocations *r, uint64_t address)
{
	uint64_t at = px_elf_offset(e, address), v = 0;

	for (size_t i = 0; i < r->count; i++)
		if (r->list[i].r_offset == address && go_is_relative(&r->list[i]))
			return (uint64_t)r->list[i].r_addend;
	if (!at || !px_elf_read(e, at, &v, sizeof(v)))
		return 0;
	return v;
}

static bool go_is_module(const struct px_elf *e, const struct go_relocations *r, uint64_t address,
			 uint64_t table, uint64_t names)
{
	return go_pointer(e, r, address + GO_MODULE_TABLE) == table &&
	       go_pointer(e, r, address + GO_MODULE_NAMES) == names;
}

/* The module's description in the segments that are written to. */
static uint64_t go_search_module(const struct px_elf *e, const struct go_relocations *r, uint64_t table,
				 uint64_t names)
{
	for (size_t i = 0; i < e->load_count; i++) {
		const Elf64_Phdr *p = &e->loads[i];
		uint64_t *words, found = 0;

		if (!(p->p_flags & PF_W) || p->p_filesz > GO_DATA_MAX)
			continue;
		words = malloc(p->p_filesz + 1);
		if (words && px_elf_read(e, p->p_offset, words, p->p_filesz))
			for (uint64_t w = 0; w + 1 < p->p_filesz / sizeof(*words) && !found; w++)
				if (words[w] == table && words[w + 1] == names)
					found = p->p_vaddr + w * sizeof(*words);
		free(words);
		if (found)
			return found;
	}
	for (size_t i = 0; i < r->count; i++)
		if ((uint64_t)r->list[i].r_addend == table && go_is_relative(&r->list[i]) &&
		    go_is_module(e, r, r->list[i].r_offset, table, names))
			return r->list[i].r_offset;
	return 0;
}

/*
 * The address that the table's offsets count from. gcc puts code of its own before it, so the
 * section's beginning does not tell.
 */
static uint64_t go_text(const struct px_elf *e, const struct px_go_table *t, uint64_t address)
{
	struct go_relocations r = go_relocations(e);
	uint64_t module = 0, text = 0;
	Elf64_Shdr s;

	if (px_elf_section(e, ".go.module", &s) &&
	    go_is_module(e, &r, s.sh_addr, address, address + t->names))
		module = s.sh_addr;
	if (!module)
		module = go_search_module(e, &r, address, address + t->names);
	if (module)
		text = go_pointer(e, &r, module + GO_MODULE_TEXT);
	free(r.list);
	return text;
}

/*
 * Does a function begin as Go begins one, by comparing its stack with the limit in the goroutine,
 * and has the goroutine in the register where those with arguments in registers have it?
 *   amd64  [lea -N(%rsp),%r12]  cmp 0x10(%r14),%rsp or %r12
 *   arm64  ldr x16, [x28, #16]
 */
static bool go_begins(struct px_bytes code)
{
#if defined(__aarch64__)
	static const char limit[] = "\x90\x0b\x40\xf9";
	const size_t within = 4;
#else
	static const char limit[] = "\x3b\x66\x10";
	const size_t within = 16;
#endif
	struct px_bytes head = px_bytes_sub(code, 0, within);

	return head.len && memmem(head.ptr, head.len, limit, sizeof(limit) - 1);
}

static bool go_code(const struct px_elf *e, uint64_t start, uint64_t end, struct px_go_code *out)
{
	char *code;

	out->offset = px_elf_offset(e, start);
	if (!out->offset || end - start > GO_CODE_MAX)
		return false;
	code = malloc(end - start);
	if (!code)
		return false;
	out->bytes = px_bytes_of(code, end - start);
	return px_elf_read(e, out->offset, code, end - start);
}

static enum px_go_result go_read(struct px_go_program *p, const struct px_elf *e, struct px_bytes data,
				 uint64_t address)
{
	struct px_go_function found[PX_GO_FUNCTIONS] = { 0 };
	struct px_go_table t;
	uint64_t text = 0;

	if (px_go_table_open(&t, data) < 0)
		return PX_GO_NO;
	for (size_t i = 0; i < PX_GO_FUNCTIONS; i++)
		if (!px_go_table_find(&t, go_names[i], &found[i]) && i <= PX_GO_WRITE)
			return PX_GO_NO;
	go_version(e, p->version, sizeof(p->version));
	if (t.format < PX_GO_1_16)
		return PX_GO_OLD;
	if (t.format >= PX_GO_1_18) {
		text = go_text(e, &t, address);
		if (!text)
			return PX_GO_LOST;
	}
	for (size_t i = 0; i < PX_GO_FUNCTIONS; i++) {
		if (!found[i].end)
			continue;
		if (!go_code(e, text + found[i].start, text + found[i].end, &p->functions[i]))
			return PX_GO_LOST;
		if (!go_begins(p->functions[i].bytes))
			return t.format < PX_GO_1_18 ? PX_GO_OLD : PX_GO_LOST;
	}
	return PX_GO_YES;
}

/* In a section of its own, or somewhere in it, as gcc linked position-independent programs before Go 1.20. */
static enum px_go_result go_search(struct px_go_program *p, const struct px_elf *e, const Elf64_Shdr *s,
				   bool is_own)
{
	enum px_go_result result = PX_GO_NO;
	char *data = px_elf_load(e, s);

	for (uint64_t at = 0; data && at < s->sh_size && result == PX_GO_NO; at += GO_TABLE_ALIGN) {
		result = go_read(p, e, px_bytes_of(data + at, s->sh_size - at), s->sh_addr + at);
		if (is_own)
			break;
	}
	free(data);
	return result;
}

enum px_go_result px_go_program_read(struct px_go_program *p, const struct px_elf *e)
{
	Elf64_Shdr s;

	*p = (struct px_go_program){ .version = "" };
	if (px_elf_section(e, ".gopclntab", &s) || px_elf_section(e, ".data.rel.ro.gopclntab", &s))
		return go_search(p, e, &s, true);
	if (px_elf_section(e, ".go.buildinfo", &s) && px_elf_section(e, ".data.rel.ro", &s))
		return go_search(p, e, &s, false);
	return PX_GO_NO;
}

void px_go_program_free(struct px_go_program *p)
{
	for (size_t i = 0; i < PX_GO_FUNCTIONS; i++) {
		free((char *)(uintptr_t)p->functions[i].bytes.ptr);
		p->functions[i].bytes = (struct px_bytes){ NULL, 0 };
	}
}
