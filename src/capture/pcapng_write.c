/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blocks that pxtrace writes; pcapng.c, which reads, draws them. Numbers are in this machine's
 * byte order.
 */
#include "capture/pcapng.h"

#include <errno.h>
#include <stdio.h>
#include <sys/utsname.h>

#define NG_SECTION 0x0a0d0d0au
#define NG_INTERFACE 1u
#define NG_ENHANCED 6u
#define NG_ORDER 0x1a2b3c4du

#define NG_OPT_COMMENT 1
#define NG_OPT_EPB_FLAGS 2 /* its two low bits: 1 inbound, 2 outbound */
#define NG_OPT_SHB_OS 3
#define NG_OPT_SHB_APPLICATION 4
#define NG_OPT_IF_NAME 2
#define NG_OPT_IF_TSRESOL 9

static char *ng_put(char *to, const void *from, size_t n)
{
	if (n)
		memcpy(to, from, n);
	return to + n;
}

static char *ng_put_u32(char *to, uint32_t v)
{
	return ng_put(to, &v, sizeof(v));
}

/* Zeros up to a multiple of 4 behind n bytes. */
static char *ng_pad(char *to, size_t n)
{
	return ng_put(to, "\0\0\0", -n % 4);
}

static char *ng_put_option(char *to, uint16_t code, struct px_bytes value)
{
	uint16_t len = (uint16_t)value.len;

	to = ng_put(to, &code, sizeof(code));
	to = ng_put(to, &len, sizeof(len));
	return ng_pad(ng_put(to, value.ptr, value.len), value.len);
}

/* Both lengths of the block that lies between begin and the place of its second one. */
static char *ng_end(char *begin, char *at)
{
	uint32_t len = (uint32_t)(at - begin) + 4;

	ng_put_u32(begin + 4, len);
	return ng_put_u32(at, len);
}

int px_pcapng_write_begin(struct px_buf *to)
{
	static const struct px_bytes comment = PX_BYTES(
		"Made of system calls: addresses, ports, sequence numbers, bytes and times are those of the "
		"sockets; how the bytes were cut into packets, link layer and checksums are made up. "
		"UNIX sockets are shown as TCP. The comments tell the process.");
	char block[1024], os[256], *at = block;
	struct utsname name;
	int err;

	snprintf(os, sizeof(os), "unknown");
	if (uname(&name) == 0)
		snprintf(os, sizeof(os), "%.64s %.128s", name.sysname, name.release);
	at = ng_put_u32(at, NG_SECTION) + 4;
	at = ng_put_u32(at, NG_ORDER);
	at = ng_put(at, (const uint16_t[]){ 1, 0 }, 4);
	at = ng_put(at, (const uint64_t[]){ UINT64_MAX }, 8); /* length of the section: not known */
	at = ng_put_option(at, NG_OPT_COMMENT, comment);
	at = ng_put_option(at, NG_OPT_SHB_OS, px_bytes_str(os));
	at = ng_put_option(at, NG_OPT_SHB_APPLICATION, PX_BYTES("pxtrace " PX_VERSION));
	at = ng_end(block, ng_put_u32(at, 0));
	err = px_buf_append(to, px_bytes_of(block, (size_t)(at - block)));
	if (err)
		return err;
	at = ng_put_u32(block, NG_INTERFACE) + 4;
	at = ng_put_u32(at, PX_LINK_ETHERNET);
	at = ng_put_u32(at, 0);
	at = ng_put_option(at, NG_OPT_IF_NAME, PX_BYTES("sockets"));
	at = ng_put_option(at, NG_OPT_IF_TSRESOL, px_bytes_of("\x09", 1));
	at = ng_end(block, ng_put_u32(at, 0));
	return px_buf_append(to, px_bytes_of(block, (size_t)(at - block)));
}

int px_pcapng_write(struct px_buf *to, const struct px_pcapng_write *p)
{
	size_t captured = p->head.len + p->data.len;
	uint32_t flags = p->is_out ? 2 : 1;
	char *begin, *at;
	int err;

	/* The fixed parts of a block and its options are below 64 bytes. */
	err = px_buf_reserve(to, captured + p->comment.len + 64 + sizeof(PX_PCAPNG_HIDDEN_MAGIC));
	if (err)
		return err;
	begin = to->ptr + to->len;
	if (p->is_hidden)
		at = ng_put(ng_put_u32(begin, PX_PCAPNG_HIDDEN_BLOCK) + 4, PX_PCAPNG_HIDDEN_MAGIC,
			    sizeof(PX_PCAPNG_HIDDEN_MAGIC) - 1);
	else
		at = ng_put_u32(begin, NG_ENHANCED) + 4;
	at = ng_put_u32(at, 0);
	at = ng_put_u32(at, (uint32_t)(p->ts_ns >> 32));
	at = ng_put_u32(at, (uint32_t)p->ts_ns);
	at = ng_put_u32(at, (uint32_t)captured);
	at = ng_put_u32(at, (uint32_t)p->head.len + p->data_len);
	at = ng_put(at, p->head.ptr, p->head.len);
	at = ng_pad(ng_put(at, p->data.ptr, p->data.len), captured);
	if (p->comment.len)
		at = ng_put_option(at, NG_OPT_COMMENT, p->comment);
	at = ng_put_option(at, NG_OPT_EPB_FLAGS, px_bytes_of(&flags, sizeof(flags)));
	at = ng_end(begin, ng_put_u32(at, 0));
	to->len += (size_t)(at - begin);
	return 0;
}
