/* SPDX-License-Identifier: Apache-2.0 */
#include "conn/control.h"

#include "decode/infer.h"

/*
 * Bytes that go by unseen from here on, before it is worth to tell the kernel side not to copy
 * them.
 */
#define CONTROL_SKIP_MIN (128 * 1024)
/*
 * The kernel side compares 32 bits, so a mark lies at most this far ahead; so far behind, it is
 * taken back.
 */
#define CONTROL_SKIP_FAR (1 << 30)
/*
 * Messages in a row that are this large, and tell their length, make a direction of large messages.
 * So many, because one that is not like them after all may lose its framing, and by then the
 * matcher knows the client well enough to go on with the next one.
 */
#define CONTROL_LARGE_FRAME (32 * 1024)
#define CONTROL_LARGE_RUN 16
/*
 * Bytes of which nobody understands any, and no message before them, until a connection is taken for
 * one that nobody will understand.
 */
#define CONTROL_UNKNOWN (64 * 1024)
/* Of the calls of such a direction this much is copied: a head, and what is shown of a body. */
#define CONTROL_LARGE_COPY (16 * 1024)

static void control_tell(struct px_conn *c)
{
	struct px_table *t = c->table;

	c->control.sock_gen = c->sock_gen;
	if (t->opt.on_control && !c->is_packet && !c->copies_all &&
	    t->opt.on_control(t->opt.ctx, c, &c->control))
		c->is_controlled = true;
	else
		c->control = (struct px_abi_control){ 0 };
}

static uint32_t control_flag(enum px_dir dir)
{
	return dir == PX_DIR_IN ? PX_CTL_SKIP_IN : PX_CTL_SKIP_OUT;
}

/* Where the kernel side's count of a direction stands when its stream is at 0. */
static uint32_t control_base(const struct px_conn *c, enum px_dir dir)
{
	return (uint32_t)c->streams[dir].urgent - (c->is_tls ? c->tls_base[dir] : 0);
}

static void control_skip(struct px_conn *c, enum px_dir dir, uint64_t n)
{
	c->control.flags &= ~(uint32_t)PX_CTL_DROP;	/* that is of the ciphertext, and stays with it */
	c->control.flags |= control_flag(dir);
	c->control.skip_until[dir] =
		(uint32_t)(c->streams[dir].end + (n < CONTROL_SKIP_FAR ? n : CONTROL_SKIP_FAR)) +
		control_base(c, dir);
	control_tell(c);
}

void px_control_renew(struct px_conn *c, enum px_dir dir)
{
	const struct px_stream *s = &c->streams[dir];
	int32_t ahead = (int32_t)(c->control.skip_until[dir] - control_base(c, dir) - (uint32_t)s->end);

	if (!(c->control.flags & control_flag(dir)))
		return;
	if (ahead < CONTROL_SKIP_FAR / 2 &&
	    s->discard > CONTROL_SKIP_MIN + (uint64_t)(ahead > 0 ? ahead : 0)) {
		control_skip(c, dir, s->discard);
	} else if (ahead < -CONTROL_SKIP_FAR) {
		c->control.flags &= ~control_flag(dir);
		control_tell(c);
	}
}

void px_control_discard(struct px_conn *c, enum px_dir dir, uint64_t until)
{
	if (until - c->streams[dir].end < CONTROL_SKIP_MIN ||
	    c->table->opt.limits.body_max > CONTROL_LARGE_COPY)
		return;
	control_skip(c, dir, until - c->streams[dir].end);
}

void px_control_frame(struct px_conn *c, const struct px_frame *f)
{
	uint8_t *run = &c->large_frames[f->dir];

	if (c->is_tls)
		return;
	if (!f->has_length && f->bytes > CONTROL_LARGE_COPY && !c->needs_all[f->dir]) {
		c->needs_all[f->dir] = true;
		if (c->control.flags & PX_CTL_COPY_MAX) {
			c->control.copy_max[f->dir] = UINT32_MAX;
			control_tell(c);
		}
	}
	if (c->needs_all[f->dir])
		return;
	if (f->bytes < CONTROL_LARGE_FRAME || !f->has_length) {
		*run = 0;
		return;
	}
	if (*run >= CONTROL_LARGE_RUN || ++*run < CONTROL_LARGE_RUN ||
	    c->table->opt.limits.body_max > CONTROL_LARGE_COPY)
		return;
	if (!(c->control.flags & PX_CTL_COPY_MAX))
		c->control.copy_max[0] = c->control.copy_max[1] = UINT32_MAX;
	c->control.flags |= PX_CTL_COPY_MAX;
	c->control.copy_max[f->dir] = CONTROL_LARGE_COPY;
	control_tell(c);
}

/* All of every call. */
static void control_copy_all(struct px_conn *c)
{
	c->control = (struct px_abi_control){ .copy_max = { UINT32_MAX, UINT32_MAX },
					      .flags = PX_CTL_COPY_MAX };
	control_tell(c);
}

static void control_drop(struct px_conn *c)
{
	c->control = (struct px_abi_control){ .flags = PX_CTL_DROP };
	control_tell(c);
	c->is_dropped = c->control.flags & PX_CTL_DROP;
	c->copies_all = !c->is_dropped;	/* do not ask again with each event */
	c->table->stats.dropped += c->is_dropped;
}

void px_control_cipher(struct px_conn *c)
{
	c->copies_all = false;
	if (c->control.flags & (PX_CTL_SKIP_IN | PX_CTL_SKIP_OUT)) {
		c->control = (struct px_abi_control){ 0 };	/* of plaintext that began elsewhere */
		control_tell(c);
	}
	c->control = (struct px_abi_control){ .flags = PX_CTL_DROP };
	control_tell(c);
	c->is_dropped = c->control.flags & PX_CTL_DROP;
}

/*
 * One that was seen whole from its beginning, and has not been understood, will not be: protocols are
 * known by how they begin. One that was joined on its way may be in the middle of a large message,
 * and one that was understood before may be so again.
 */
static bool control_is_hopeless(const struct px_conn *c)
{
	const struct px_decoder *d = &c->decoder;

	return d->mode == PX_DECODE_OPAQUE ||
	       (c->from_start && !d->last_parser && !c->streams[PX_DIR_IN].lost_bytes &&
		!c->streams[PX_DIR_OUT].lost_bytes);
}

void px_control_unknown(struct px_conn *c)
{
	const struct px_decoder *d = &c->decoder;
	const struct px_table_options *opt = &c->table->opt;

	if (c->is_tls)
		return;
	if (d->mode == PX_DECODE_PARSE) {
		if (c->copies_heads) {
			c->copies_heads = false;
			control_copy_all(c);
		}
		return;
	}
	if (!opt->on_control || opt->on_event || c->is_packet || c->closed || c->held ||
	    c->copies_all || c->hello_waits)
		return; /* who saves all (on_event) wants this, too */
	if (d->mode == PX_DECODE_RECOGNISE && d->not_understood < CONTROL_UNKNOWN)
		return;
	if (control_is_hopeless(c)) {
		control_drop(c);
	} else if (!c->copies_heads) {
		c->control = (struct px_abi_control){ .copy_max = { PX_INFER_MAX, PX_INFER_MAX },
						      .flags = PX_CTL_COPY_MAX };
		control_tell(c);
		c->copies_heads = true;
	}
}

void px_control_count(struct px_conn *c, const struct px_abi_event *h)
{
	c->bytes[h->dir ? PX_DIR_OUT : PX_DIR_IN] += h->len;
	c->decoder.not_understood += h->len;
	c->decoder.env->not_understood_bytes += h->len;
}

void px_control_end(struct px_conn *c)
{
	uint64_t bytes[2] = { 0, 0 };

	c->table->opt.on_dropped(c->table->opt.ctx, c, bytes);
	for (int i = 0; i < 2; i++) {
		c->bytes[i] += bytes[i];
		c->table->stats.dropped_bytes += bytes[i];
		if (c->is_tls)
			continue;
		c->decoder.not_understood += bytes[i];
		c->decoder.env->not_understood_bytes += bytes[i];
	}
}

void px_control_gap(struct px_conn *c)
{
	if (c->is_tls || !(c->control.flags & PX_CTL_COPY_MAX) || c->copies_heads)
		return;
	/* What was left out may have been more than a body. */
	control_copy_all(c);
	c->copies_all = true;
}
