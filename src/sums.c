/* SPDX-License-Identifier: Apache-2.0 */
#include "sums.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "tally/fold.h"
#include "tally/map.h"
#include "tally/rows.h"

#define SUMS_TEXT_MAX ((size_t)8 << 20)

static struct px_bytes sums_text(const struct px_record *r, enum px_common f)
{
	if (!px_record_has(r, f) || r->common[f].is_null)
		return (struct px_bytes){ NULL, 0 };
	return r->common[f].s;
}

/* The other end: a server by address and port, a client without its port, which says nothing. */
static struct px_bytes sums_peer(const struct px_record *r, bool is_server, char *out, size_t size)
{
	struct px_bytes addr = sums_text(r, PX_F_REMOTE_ADDR);
	bool is_v6 = addr.len && memchr(addr.ptr, ':', addr.len);
	int len;

	if (px_bytes_eq(sums_text(r, PX_F_NET), PX_BYTES("unix")))
		len = snprintf(out, size, "unix%s%.*s", addr.len ? ":" : "", (int)addr.len,
			       addr.len ? addr.ptr : "");
	else if (is_server || !addr.len)
		return addr;
	else
		len = snprintf(out, size, is_v6 ? "[%.*s]:%lld" : "%.*s:%lld", (int)addr.len,
			       addr.ptr, (long long)r->common[PX_F_REMOTE_PORT].i);
	return px_bytes_of(out, len < 0 ? 0 : (size_t)len < size ? (size_t)len : size - 1);
}

/* What the operation is about, where that is of a limited number of things: no keys of a cache. */
static struct px_bytes sums_target(const struct px_record *r, char out[PX_FOLD_MAX])
{
	static const struct px_bytes keyed[] = { PX_BYTES("redis"), PX_BYTES("memcached") };
	struct px_bytes target = sums_text(r, PX_F_TARGET), proto = sums_text(r, PX_F_PROTO);

	for (size_t i = 0; i < PX_COUNT(keyed); i++)
		if (px_bytes_eq(proto, keyed[i]))
			return (struct px_bytes){ NULL, 0 };
	return px_bytes_of(out, px_fold_path(target, out));
}

static int64_t sums_size(struct px_sums *s, const struct px_record *r, size_t side)
{
	const struct px_field_ref *ref = &px_pick_table(&s->sizes, r)->refs[side];
	const struct px_value *v = ref->field ? px_record_get(r, ref) : NULL;

	return v && !v->is_null && v->i > 0 ? v->i : 0;
}

static int sums_record(struct px_sink *base, const struct px_record *r)
{
	struct px_sums *s = (struct px_sums *)base;
	char peer_text[160], target_text[PX_FOLD_MAX];
	struct px_bytes role, peer;
	uint64_t req, resp;

	if (r->type != PX_RECORD_MESSAGE)
		return 0;
	role = sums_text(r, PX_F_ROLE);
	peer = sums_peer(r, px_bytes_eq(role, PX_BYTES("server")), peer_text, sizeof(peer_text));
	req = (uint64_t)sums_size(s, r, 0);
	resp = (uint64_t)sums_size(s, r, 1);
	if (s->with_table) {
		const struct px_bytes key[PX_TALLY_PARTS] = {
			sums_text(r, PX_F_PROTO),    role, peer, sums_text(r, PX_F_OP),
			sums_target(r, target_text),
		};

		px_tally_add(&s->table, key, r, req, resp);
	}
	if (s->with_map) {
		struct px_bytes unit = sums_text(r, PX_F_UNIT);
		const struct px_bytes key[PX_TALLY_PARTS] = {
			[PX_MAP_PROTO] = sums_text(r, PX_F_PROTO),
			[PX_MAP_ROLE] = role,
			[PX_MAP_WHO] = px_bytes_ends(unit, PX_BYTES(".service")) ? unit
				       : px_record_has(r, PX_F_COMM)
					       ? sums_text(r, PX_F_COMM)
					       : sums_text(r, PX_F_LOCAL_ADDR),
			[PX_MAP_PEER] = peer,
		};

		px_tally_add(&s->map, key, r, req, resp);
	}
	return 0;
}

static int sums_nothing(struct px_sink *base)
{
	(void)base;
	return 0;
}

static const struct px_sink_ops sums_ops = {
	.record = sums_record,
	.flush = sums_nothing,
	.free = sums_nothing,
};

int px_sums_init(struct px_sums *s, const struct px_options *opt)
{
	struct px_error err;

	*s = (struct px_sums){ .base.ops = &sums_ops, .map_fd = -1 };
	s->sizes.count = 2;
	s->sizes.names[0] = PX_BYTES("req.bytes");
	s->sizes.names[1] = PX_BYTES("resp.bytes");
	if (opt->summary || opt->summary_only) {
		if (px_tally_init(&s->table) != 0)
			goto out_of_memory;
		s->with_table = true;
	}
	if (!opt->map_file)
		return 0;
	if (px_tally_init(&s->map) != 0)
		goto out_of_memory;
	s->with_map = true;
	s->map_name = opt->map_file;
	s->map_fd = px_file_create(opt->map_file, &err);
	if (s->map_fd >= 0)
		return 0;
	px_error_print(&err);
	return -1;
out_of_memory:
	px_log(PX_LOG_ERROR, "out of memory");
	return -1;
}

void px_sums_fini(struct px_sums *s)
{
	if (s->with_table)
		px_tally_fini(&s->table);
	if (s->with_map)
		px_tally_fini(&s->map);
	if (s->map_fd >= 0)
		close(s->map_fd);
}

void px_sums_tell(struct px_sums *s, struct px_report *report, bool as_json, struct px_out *out,
		  size_t width, uint64_t duration_ns, int64_t wall_ns)
{
	struct px_buf text = px_buf_of(SUMS_TEXT_MAX);
	struct px_bytes rest;
	size_t end;

	if (!s->with_table)
		return;
	px_tally_sort(&s->table);
	if (as_json) {
		for (size_t i = 0; i < s->table.count; i++) {
			px_rows_record(&s->table, s->table.rows[i], duration_ns,
				       px_report_begin_summary(report, wall_ns));
			px_report_end_summary(report);
		}
		return;
	}
	if (!out)	/* what stands before each line */
		width = width > PX_LOG_PREFIX ? width - PX_LOG_PREFIX : 0;
	if (px_rows_print(&text, &s->table, duration_ns, width) != 0)
		px_log(PX_LOG_ERROR, "the summary: out of memory");
	else if (out)
		px_out_record(out, px_buf_bytes(&text));
	rest = px_buf_bytes(&text);
	for (size_t at = 0; !out && at < rest.len; at = end + 1) {
		end = px_bytes_find(rest, at, '\n');
		px_log(PX_LOG_ERROR, "%.*s", (int)(end - at), rest.ptr + at);
	}
	px_buf_fini(&text);
}

int px_sums_write_map(struct px_sums *s, uint64_t duration_ns)
{
	struct px_buf text = px_buf_of(SUMS_TEXT_MAX);
	size_t len = s->map_name ? strlen(s->map_name) : 0;
	struct px_bytes rest;
	int rc = 0;

	if (!s->with_map)
		return 0;
	px_tally_sort(&s->map);
	rc = px_map_print(&text, &s->map, strcmp(s->map_name + len - 4, ".dot") == 0, duration_ns);
	rest = px_buf_bytes(&text);
	while (!rc && rest.len > 0) {
		ssize_t n = write(s->map_fd, rest.ptr, rest.len);

		if (n < 0 && errno != EINTR)
			rc = -errno;
		else if (n > 0)
			rest = px_bytes_sub(rest, (size_t)n, SIZE_MAX);
	}
	px_buf_fini(&text);
	if (rc)
		px_log(PX_LOG_ERROR, "%s: %s", s->map_name, strerror(-rc));
	return rc ? -1 : 0;
}
