/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/btf.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* The fields that bpf_src/ reads; the constant is PX_OFF_STRUCT_MEMBER, in bytes. */
static const struct btf_field {
	const char *type;
	const char *member;
	bool optional;	/* the sources ask with #ifdef */
	bool sizes;	/* PX_SIZE_STRUCT tells how large the struct is */
} btf_fields[] = {
	{ "address_space", "host", true },
	{ "address_space", "i_pages", true },
	{ "cred", "uid" },
	{ "file", "f_count", true },
	{ "file", "f_inode" },
	{ "file", "f_mapping", true },
	{ "file", "f_pos", true },
	{ "file", "f_ref", true },	/* since 6.13 */
	{ "file", "private_data" },
	{ "fdtable", "fd" },
	{ "fdtable", "max_fds" },
	{ "files_struct", "fdt" },
	{ "folio", "index", true },	/* since 5.16 */
	{ "inet_sock", "inet_sport" },
	{ "inode", "__i_ctime", true },	/* since 6.6 */
	{ "inode", "i_ctime", true },
	{ "inode", "i_ctime_nsec", true },	/* since 6.11 */
	{ "inode", "i_ctime_sec", true },
	{ "inode", "i_ino" },
	{ "inode", "i_mode" },
	{ "inode", "i_sb" },
	{ "linux_binprm", "file" },
	{ "linux_binprm", "filename" },
	{ "net", "ns" },
	{ "ns_common", "inum" },
	{ "pid", "level" },
	{ "pid", "numbers" },
	{ "page", "flags", true, true },
	{ "page", "index", true },	/* until folio.index took its place */
	{ "page", "mapping", true },
	{ "pid_namespace", "ns" },
	{ "pipe_buffer", "len", true },
	{ "pipe_buffer", "offset", true },
	{ "pipe_buffer", "page", true, true },
	{ "pipe_inode_info", "bufs", true },
	{ "pipe_inode_info", "head", true },
	{ "pipe_inode_info", "ring_size", true },
	{ "pipe_inode_info", "tail", true },
	{ "signal_struct", "live" },
	{ "signal_struct", "pids" },
	{ "sock", "sk_err" },
	{ "sock", "sk_ino", true },
	{ "sock", "sk_max_ack_backlog" },
	{ "sock", "sk_peer_pid" },
	{ "sock", "sk_protocol" },
	{ "sock", "sk_receive_queue" },
	{ "sock", "sk_shutdown" },
	{ "sock", "sk_socket" },
	{ "sock", "sk_type" },
	{ "sock_common", "skc_bound_dev_if" },
	{ "sock_common", "skc_daddr" },
	{ "sock_common", "skc_dport" },
	{ "sock_common", "skc_family" },
	{ "sock_common", "skc_flags" },
	{ "sock_common", "skc_net" },
	{ "sock_common", "skc_num" },
	{ "sock_common", "skc_rcv_saddr" },
	{ "sock_common", "skc_state" },
	{ "sock_common", "skc_v6_daddr" },
	{ "sock_common", "skc_v6_rcv_saddr" },
	{ "socket", "file" },
	{ "socket", "sk" },
	{ "socket_alloc", "vfs_inode" },
	{ "super_block", "s_dev" },
	{ "super_block", "s_magic", true },
	{ "task_struct", "comm" },
	{ "task_struct", "cred" },
	{ "task_struct", "exit_code" },
	{ "task_struct", "files" },
	{ "task_struct", "group_leader" },
	{ "task_struct", "pid" },
	{ "task_struct", "signal" },
	{ "task_struct", "splice_pipe", true },
	{ "task_struct", "start_time" },
	{ "task_struct", "tgid" },
	{ "task_struct", "thread_info", true },
	{ "task_struct", "thread_pid" },
	{ "tcp_sock", "bytes_acked" },
	{ "tcp_sock", "bytes_received" },
	{ "tcp_sock", "copied_seq" },
	{ "tcp_sock", "rcv_nxt" },
	{ "tcp_sock", "snd_una" },
	{ "tcp_sock", "urg_seq" },
	{ "tcp_sock", "write_seq" },
	{ "thread_info", "status", true },	/* of x86 */
	{ "unix_address", "len" },
	{ "unix_address", "name" },
	{ "unix_sock", "addr" },
	{ "unix_sock", "peer" },
	{ "upid", "nr", false, true },
	{ "upid", "ns" },
	{ "xa_node", "shift", true },
	{ "xa_node", "slots", true },
	{ "xarray", "xa_head", true },
};

#define BTF_FIELDS PX_COUNT(btf_fields)
#define BTF_MORE 8	/* constants beside the offsets of fields */

struct px_btf {
	struct btf *btf;
	int64_t offsets[BTF_FIELDS];	/* by row of btf_fields[]; -1: not there */
	int64_t sizes[BTF_FIELDS];	/* of the structs, in the rows that tell it */
	char defines[BTF_FIELDS + BTF_MORE][80];
};

static const char btf_cure[] =
	"use a kernel built with CONFIG_DEBUG_INFO_BTF=y (Debian 11 and later, Ubuntu 20.10, Fedora 31, "
	"RHEL 8.2 have it)";

int px_btf_open(struct px_btf **out, struct px_error *err)
{
	struct px_btf *b = calloc(1, sizeof(*b));

	if (!b)
		return px_error_set(err, PX_EXIT_FAILED, NULL,
				    "no memory for the kernel's type information");
	b->btf = btf__load_vmlinux_btf();
	if (!b->btf) {
		int why = errno;

		free(b);
		return px_error_set(err, PX_EXIT_HOST, btf_cure,
				    "this kernel has no type information (BTF): %s", strerror(why));
	}
	*out = b;
	return 0;
}

void px_btf_close(struct px_btf *b)
{
	if (!b)
		return;
	btf__free(b->btf);
	free(b);
}

/*
 * Bit offset of a member, anonymous structs and unions looked into; -1 where it is not there or a
 * bit field.
 */
static int64_t btf_member(const struct btf *btf, uint32_t type_id, const char *name, int depth)
{
	const struct btf_type *t = btf__type_by_id(btf, type_id);
	const struct btf_member *m;

	while (t && (btf_is_mod(t) || btf_is_typedef(t)))
		t = btf__type_by_id(btf, t->type);
	if (!t || !btf_is_composite(t) || depth > 4)
		return -1;
	m = btf_members(t);
	for (uint16_t i = 0; i < btf_vlen(t); i++) {
		const char *have = btf__name_by_offset(btf, m[i].name_off);
		int64_t at = btf_member_bit_offset(t, i), inner;

		if (have && have[0]) {
			if (strcmp(have, name) == 0)
				return btf_member_bitfield_size(t, i) ? -1 : at;
			continue;
		}
		inner = btf_member(btf, m[i].type, name, depth + 1);
		if (inner >= 0)
			return at + inner;
	}
	return -1;
}

int px_btf_defines(struct px_btf *b, const char **flags, size_t max, struct px_error *err)
{
	const char *type = "";
	size_t n = 0, more = BTF_FIELDS;
	int32_t id = 0;

	for (size_t i = 0; i < BTF_FIELDS && n < max; i++) {
		int64_t bits;

		if (strcmp(type, btf_fields[i].type) != 0) {
			type = btf_fields[i].type;
			id = btf__find_by_name_kind(b->btf, type, BTF_KIND_STRUCT);
		}
		bits = id > 0 ? btf_member(b->btf, (uint32_t)id, btf_fields[i].member, 0) : -1;
		b->offsets[i] = bits < 0 ? -1 : bits / 8;
		if (bits < 0 && btf_fields[i].optional)
			continue;
		if (bits < 0)
			return px_error_set(err, PX_EXIT_HOST,
					    "please report this with the output of uname -r",
					    "this kernel's struct %s has no field %s", type,
					    btf_fields[i].member);
		snprintf(b->defines[i], sizeof(b->defines[i]), "-DPX_OFF_%s_%s=%lld", type,
			 btf_fields[i].member, (long long)(bits / 8));
		flags[n++] = b->defines[i];
		/* The front of struct sock is copied as one piece that ends with these flags. */
		if (strcmp(btf_fields[i].member, "skc_flags") == 0 && n < max) {
			snprintf(b->defines[more], sizeof(b->defines[0]), "-DPX_COMMON_SIZE=%lld",
				 (long long)((bits / 8 + 15) & ~7LL));
			flags[n++] = b->defines[more++];
		}
		if (btf_fields[i].sizes && n < max) {
			b->sizes[i] = btf__resolve_size(b->btf, (uint32_t)id);
			snprintf(b->defines[more], sizeof(b->defines[0]), "-DPX_SIZE_%s=%lld", type,
				 (long long)b->sizes[i]);
			flags[n++] = b->defines[more++];
		}
	}
	return (int)n;
}

int64_t px_btf_offset(const struct px_btf *b, const char *type, const char *member)
{
	for (size_t i = 0; i < BTF_FIELDS; i++)
		if (strcmp(btf_fields[i].type, type) == 0 &&
		    strcmp(btf_fields[i].member, member) == 0)
			return b->offsets[i];
	return -1;
}

int64_t px_btf_size(const struct px_btf *b, const char *type)
{
	for (size_t i = 0; i < BTF_FIELDS; i++)
		if (btf_fields[i].sizes && strcmp(btf_fields[i].type, type) == 0)
			return b->offsets[i] < 0 ? -1 : b->sizes[i];
	return -1;
}

int px_btf_tracepoint(const struct px_btf *b, const char *name)
{
	char type[96];
	int32_t id;

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	id = btf__find_by_name_kind(b->btf, type, BTF_KIND_TYPEDEF);
	return id > 0 ? id : 0;
}

int px_btf_function(const struct px_btf *b, const char *name)
{
	int32_t id = btf__find_by_name_kind(b->btf, name, BTF_KIND_FUNC);

	return id > 0 ? id : 0;
}

int px_btf_takes(const struct px_btf *b, int id)
{
	const struct btf_type *t = btf__type_by_id(b->btf, (uint32_t)id);

	return t && btf_is_func(t) ? (int)t->type : 0;
}

int px_btf_number(const struct px_btf *b, const char *type, const char *name)
{
	int32_t id = btf__find_by_name_kind(b->btf, type, BTF_KIND_ENUM);
	const struct btf_type *t = id > 0 ? btf__type_by_id(b->btf, (uint32_t)id) : NULL;

	for (uint16_t i = 0; t && i < btf_vlen(t); i++)
		if (strcmp(btf__name_by_offset(b->btf, btf_enum(t)[i].name_off), name) == 0)
			return btf_enum(t)[i].val;
	return -1;
}

bool px_btf_has_field(const struct px_btf *b, const char *type, const char *member)
{
	int32_t id = btf__find_by_name_kind(b->btf, type, BTF_KIND_STRUCT);

	return id > 0 && btf_member(b->btf, (uint32_t)id, member, 0) >= 0;
}

bool px_btf_has_helper(const struct px_btf *b, const char *name)
{
	char full[64];

	snprintf(full, sizeof(full), "BPF_FUNC_%s", name);
	return px_btf_number(b, "bpf_func_id", full) >= 0;
}
