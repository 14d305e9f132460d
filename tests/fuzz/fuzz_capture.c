/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet captures that somebody made up: read, put in order, parsed as HTTP, written as -w does,
 * and read again.
 *
 * The first byte says what the others are: a file as it is, or (bit 0) a list of TCP segments,
 * which gets past the headers and into the reassembly; and (bit 1) whether the events are written
 * and read again. Events have to be in order and within bounds, and what was written has to be
 * readable.
 */
#include "capture/replay.h"
#include "capture/tcp.h"
#include "capture/wire.h"
#include "conn/table.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	struct px_table table;
	struct px_wire wire;
	bool writes;
	uint64_t now_ns;
	size_t exchanges;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void on_exchange(void *ctx, struct px_conn *c, const struct px_exchange *ex)
{
	struct fuzz *f = ctx;

	must(ex->request || ex->response);
	must(c->streams[0].pos <= c->streams[0].end && c->streams[1].pos <= c->streams[1].end);
	f->exchanges++;
}

static void on_nothing(void *ctx, struct px_conn *c)
{
	(void)ctx;
	(void)c;
}

static void on_close(void *ctx, struct px_conn *c)
{
	struct fuzz *f = ctx;
	struct px_wire_conn *wire = c->saved;

	px_wire_end(&f->wire, &wire,
		    c->was_reset ? PX_WIRE_RESET
		    : c->closed	 ? PX_WIRE_CLOSED
				 : PX_WIRE_GIVEN_UP,
		    c->last_ns);
	c->saved = NULL;
}

static void on_lost(void *ctx, struct px_conn *c, uint64_t bytes)
{
	(void)ctx;
	(void)c;
	must(bytes > 0);
}

static void on_event(void *ctx, struct px_conn *c, const struct px_event *ev, uint64_t pos)
{
	struct fuzz *f = ctx;
	struct px_wire_conn *wire;

	if (!f->writes || f->wire.buf.len > PX_WIRE_BUF_MAX / 4)
		return;
	if (!c) {
		px_wire_datagram(&f->wire, ev, ev->hdr->ts_ns);
		return;
	}
	wire = c->saved;
	px_wire_event(&f->wire, &wire, ev, pos, ev->hdr->ts_ns);
	c->saved = wire;
}

static void take(void *ctx, const struct px_event *ev)
{
	struct fuzz *f = ctx;

	must(ev->data.len == ev->hdr->copied);
	must(ev->hdr->kind != PX_ABI_DATA || ev->hdr->copied <= ev->hdr->len);
	if (ev->data.len) { /* all of it can be read */
		volatile char sink;

		sink = ev->data.ptr[0];
		sink = ev->data.ptr[ev->data.len - 1];
		(void)sink;
	}
	if (ev->hdr->ts_ns > f->now_ns)
		f->now_ns = ev->hdr->ts_ns;
	px_table_event(&f->table, ev);
}

static bool fuzz_init(struct fuzz *f, bool writes)
{
	struct px_table_options opt;

	px_table_defaults(&opt);
	opt.on_exchange = on_exchange;
	opt.on_open = on_nothing;
	opt.on_close = on_close;
	opt.on_lost = on_lost;
	opt.on_event = on_event;
	opt.ctx = f;
	*f = (struct fuzz){ .writes = writes };
	if (px_wire_init(&f->wire) != 0 || px_table_init(&f->table, &opt) != 0)
		return false;
	return !writes || px_wire_begin(&f->wire) == 0;
}

static void fuzz_fini(struct fuzz *f)
{
	px_table_advance(&f->table, f->now_ns + 1000000);
	px_table_fini(&f->table);
	px_wire_fini(&f->wire);
}

/* Returns whether the file was whole. */
static bool read_file(struct fuzz *f, struct px_bytes file)
{
	struct px_input *in = px_input_of(file);
	struct px_source *src = in ? px_replay_of(in) : NULL;
	int ret = 0;
	size_t count;

	must(src != NULL);
	for (size_t polls = 0; ret == 0; polls++) {
		must(polls < 1000); /* it ends */
		ret = src->ops->poll(src, 1 << 20, take, f, &count);
		px_table_advance(&f->table, f->now_ns);
	}
	src->ops->free(src);
	return ret == PX_SOURCE_END;
}

/*
 * A segment of the list: what (1: its flags, direction, connection), sequence number 2 bytes,
 * acknowledgment number 1, time 1, length 1, bytes.
 */
static void read_segments(struct fuzz *f, const uint8_t *p, size_t n)
{
	struct px_flows flows;
	uint64_t ts_ns = 1000000000;
	uint32_t seen[4] = { 0 };

	must(px_flows_init(&flows) == 0);
	flows.fn = take;
	flows.ctx = f;
	while (n >= 6) {
		uint8_t what = p[0], dir = what & 1, conn = what >> 1 & 1;
		uint32_t len = p[5] < n - 6 ? p[5] : (uint32_t)(n - 6);
		struct px_segment s = { .family = PX_ABI_AF_INET, .protocol = 6, .len = len };
		uint32_t *next = &seen[conn * 2 + dir];
		char *copy = malloc(len ? len : 1); /* its own block, so that an over-read shows */

		must(copy != NULL);
		memcpy(copy, p + 6, len);
		ts_ns += (uint64_t)p[4] * p[4] * 1000000;
		s.ts_ns = ts_ns;
		s.src_port = dir ? 80 : (uint16_t)(40000 + conn);
		s.dst_port = dir ? (uint16_t)(40000 + conn) : 80;
		s.tcp_flags = (uint8_t)((what & 4 ? PX_TCP_ACK : 0) | (what & 8 ? PX_TCP_FIN : 0) |
					((what & 0x70) == 0x10 ? PX_TCP_SYN : 0) |
					((what & 0x70) == 0x20 ? PX_TCP_RST : 0));
		s.seq = 0xfffffff0u + (p[1] || p[2] ? (uint32_t)(p[1] | p[2] << 8) : *next);
		s.ack = 0xfffffff0u + (p[3] ? p[3] : seen[conn * 2 + !dir]);
		s.data = px_bytes_of(copy, what & 0x80 ? len / 2 : len);
		*next = s.seq - 0xfffffff0u + len;
		px_tcp_segment(&flows, &s);
		px_table_advance(&f->table, f->now_ns);
		free(copy);
		p += 6 + len;
		n -= 6 + len;
	}
	px_tcp_finish(&flows);
	must(flows.held_count == 0 && flows.held_bytes == 0);
	px_flows_fini(&flows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz first, again;
	struct px_buf written = px_buf_of(PX_WIRE_BUF_MAX);

	if (size < 2)
		return 0;
	must(fuzz_init(&first, data[0] & 2));
	if (data[0] & 1)
		read_segments(&first, data + 1, size - 1);
	else
		(void)read_file(&first, px_bytes_of(data + 1, size - 1));
	px_table_advance(&first.table, first.now_ns + 1000000000);
	must(px_buf_append(&written, px_buf_bytes(&first.wire.buf)) == 0);
	must(first.wire.dropped_packets == 0);
	fuzz_fini(&first);
	if (written.len == 0)
		return 0;

	must(fuzz_init(&again, false));
	must(read_file(&again, px_buf_bytes(&written)));
	fuzz_fini(&again);
	px_buf_fini(&written);
	return 0;
}
