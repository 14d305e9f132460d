/* SPDX-License-Identifier: Apache-2.0 */
#include "conn/control.h"

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
/* Of the calls of such a direction this much is copied: a head, and what is shown of a body. */
#define CONTROL_LARGE_COPY (16 * 1024)

static void control_tell(struct px_conn *c)
{
	struct px_table *t = c->table;

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

static void control_skip(struct px_conn *c, enum px_dir dir, uint64_t n)
{
	c->control.flags |= control_flag(dir);
	c->control.skip_until[dir] =
		(uint32_t)(c->streams[dir].end + (n < CONTROL_SKIP_FAR ? n : CONTROL_SKIP_FAR));
	control_tell(c);
}

void px_control_renew(struct px_conn *c, enum px_dir dir)
{
	const struct px_stream *s = &c->streams[dir];
	int32_t ahead = (int32_t)(c->control.skip_until[dir] - (uint32_t)s->end);

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

void px_control_gap(struct px_conn *c)
{
	if (!(c->control.flags & PX_CTL_COPY_MAX))
		return;
	/* What was left out may have been more than a body. */
	c->control = (struct px_abi_control){ .copy_max = { UINT32_MAX, UINT32_MAX },
					      .flags = PX_CTL_COPY_MAX };
	control_tell(c);
	c->copies_all = true;
}
