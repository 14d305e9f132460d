/* SPDX-License-Identifier: Apache-2.0 */
#include "tail.h"

static int tail_record(struct px_sink *base, const struct px_record *r)
{
	struct px_tail *t = (struct px_tail *)base;

	if (!t->is_on || (t->filter && !px_filter_match(t->filter, r)))
		return 0;
	return t->text->ops->record(t->text, r);
}

static int tail_flush(struct px_sink *base)
{
	struct px_tail *t = (struct px_tail *)base;

	return t->is_on ? t->text->ops->flush(t->text) : 0;
}

static int tail_free(struct px_sink *base)
{
	(void)base;
	return 0;
}

static const struct px_sink_ops tail_ops = {
	.record = tail_record,
	.flush = tail_flush,
	.free = tail_free,
};

int px_tail_init(struct px_tail *t, struct px_out *out, const struct px_text_options *text)
{
	*t = (struct px_tail){ .base.ops = &tail_ops, .text = px_sink_text_new(out, text) };
	return t->text ? 0 : -1;
}

void px_tail_begin(struct px_tail *t, struct px_filter *filter)
{
	t->filter = filter;
	t->is_on = true;
}

void px_tail_end(struct px_tail *t)
{
	px_filter_free(t->filter);
	t->filter = NULL;
	t->is_on = false;
}

void px_tail_fini(struct px_tail *t)
{
	px_tail_end(t);
	if (t->text)
		t->text->ops->free(t->text);
	t->text = NULL;
}
