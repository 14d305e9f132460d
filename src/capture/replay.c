/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/replay.h"

#include "capture/packets.h"
#include "capture/tape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define REPLAY_PACKETS_MAX 65536	/* in one poll(), where they make no events: signals want to be looked at */

struct replay {
	struct px_source src;
	struct px_input *in;
	bool knows_format;
	struct px_packets *packets;	/* NULL: a tape */
	bool is_waiting;	/* the last poll() ended because the pipe had nothing yet */
	bool is_stopped;
	bool is_over;
};

static struct replay *replay_of(struct px_source *src)
{
	return (struct replay *)src;
}

static int replay_damage(struct replay *r, const char *why)
{
	snprintf(r->src.error, sizeof(r->src.error), "%s: offset %llu: %s", px_input_name(r->in),
		 (unsigned long long)px_input_offset(r->in), why);
	r->is_over = true;
	return -EBADMSG;
}

/* What px_input_want returned instead of 0, in terms of poll(). */
static int replay_stop(struct replay *r, int ret, const char *why)
{
	const char *damage = px_input_damage(r->in);

	if (ret == -EAGAIN) {
		r->is_waiting = true;
		return 0;
	}
	if (ret == PX_INPUT_END)
		return replay_damage(r, damage ? damage : why);
	snprintf(r->src.error, sizeof(r->src.error), "%s: offset %llu: %s", px_input_name(r->in),
		 (unsigned long long)px_input_offset(r->in), strerror(-ret));
	r->is_over = true;
	return ret;
}

/* Read the head of the file and choose how to go on. 0 also when the bytes are not there yet. */
static int replay_recognise(struct replay *r)
{
	struct px_tape_head head;
	struct px_bytes b;
	int ret = px_input_want(r->in, sizeof(head), &b);

	if (ret == PX_INPUT_END && b.len == 0 && !px_input_damage(r->in))
		return replay_damage(r, "empty file");
	if ((ret == 0 || ret == PX_INPUT_END) && px_packets_is(b)) {
		r->packets = px_packets_new();
		r->knows_format = r->packets != NULL;
		return r->packets ? 0 : replay_stop(r, -ENOMEM, NULL);
	}
	if (ret == PX_INPUT_END &&
	    !px_bytes_starts(b, px_bytes_sub(PX_BYTES(PX_TAPE_MAGIC), 0, b.len)))
		return replay_damage(r, "not a tape or packet capture");
	if (ret)
		return replay_stop(r, ret, "tape cut short in its head");
	memcpy(&head, b.ptr, sizeof(head));
	if (memcmp(head.magic, PX_TAPE_MAGIC, sizeof(head.magic)) != 0)
		return replay_damage(r, "not a tape or packet capture");
	if (head.endian != PX_TAPE_ENDIAN)
		return replay_damage(r, "tape of a machine with the other byte order");
	if (head.version != PX_TAPE_VERSION || head.event_size != sizeof(struct px_abi_event))
		return replay_damage(r, "tape of another version");
	if (head.crc != crc32(0, (const Bytef *)&head, offsetof(struct px_tape_head, crc)))
		return replay_damage(r, "damaged tape head");
	px_input_drop(r->in, sizeof(head));
	r->src.wall_offset_ns = head.wall_offset_ns;
	r->knows_format = true;
	return 0;
}

/* The next record as an event; *size is what to drop when it has been handed over. */
static int replay_next(struct replay *r, struct px_event *ev, size_t *size)
{
	struct px_tape_record rec;
	struct px_bytes b;
	size_t padded;
	int ret;

	ret = px_input_want(r->in, sizeof(rec), &b);
	if (ret == PX_INPUT_END && b.len == 0 && !px_input_damage(r->in)) {
		r->is_over = true;
		return PX_SOURCE_END;
	}
	if (ret)
		return replay_stop(r, ret, "tape cut short");
	memcpy(&rec, b.ptr, sizeof(rec));
	if (rec.size < sizeof(struct px_abi_event) || rec.size > PX_TAPE_EVENT_MAX)
		return replay_damage(r, "record of an impossible size");
	padded = sizeof(rec) + rec.size + -rec.size % 8;
	ret = px_input_want(r->in, padded, &b);
	if (ret)
		return replay_stop(r, ret, "tape cut short");
	if (px_tape_crc(rec.size, b.ptr + sizeof(rec)) != rec.crc)
		return replay_damage(r, "record with a wrong checksum");
	if (!px_event_of(b.ptr + sizeof(rec), rec.size, ev))
		return replay_damage(r, "event whose lengths contradict each other");
	*size = padded;
	return 0;
}

struct replay_counter {
	px_event_fn fn;
	void *ctx;
	size_t *count;
};

static void replay_count(void *ctx, const struct px_event *ev)
{
	struct replay_counter *c = ctx;

	c->fn(c->ctx, ev);
	++*c->count;
}

/* A packet may release many events at once, so the budget is looked at between packets only. */
static int replay_poll_packets(struct replay *r, size_t budget, struct replay_counter *counter)
{
	const char *why = NULL;

	for (size_t packets = 0; *counter->count < budget && packets < REPLAY_PACKETS_MAX;
	     packets++) {
		int ret = px_packets_next(r->packets, r->in, replay_count, counter, &why);

		if (ret == PX_INPUT_END) {
			r->is_over = true;
			return PX_SOURCE_END;
		}
		if (ret == -EBADMSG)
			return replay_damage(r,
					     px_input_damage(r->in) ? px_input_damage(r->in) : why);
		if (ret)
			return replay_stop(r, ret, NULL);
	}
	return 0;
}

static int replay_poll(struct px_source *src, size_t budget, px_event_fn fn, void *ctx,
		       size_t *count)
{
	struct replay *r = replay_of(src);
	struct replay_counter counter = { fn, ctx, count };
	struct px_event ev;
	size_t size = 0;
	int ret;

	*count = 0;
	r->is_waiting = false;
	if (r->is_over)
		return r->src.error[0] ? -EBADMSG : PX_SOURCE_END;
	if (r->is_stopped) {
		if (r->packets)
			px_packets_finish(r->packets, replay_count, &counter);
		r->is_over = true;
		return PX_SOURCE_END;
	}
	if (!r->knows_format) {
		ret = replay_recognise(r);
		if (ret || !r->knows_format)
			return ret;
	}
	if (r->packets)
		return replay_poll_packets(r, budget, &counter);
	while (*count < budget) {
		ret = replay_next(r, &ev, &size);
		if (ret || r->is_waiting)
			return ret;
		fn(ctx, &ev);
		px_input_drop(r->in, size);
		(*count)++;
	}
	return 0;
}

static bool replay_arm(struct px_source *src)
{
	struct replay *r = replay_of(src);

	return r->is_waiting && !r->is_over;
}

static void replay_loss(struct px_source *src, struct px_source_loss *out)
{
	(void)src;
	*out = (struct px_source_loss){ 0 };
}

static void replay_stop_flow(struct px_source *src)
{
	replay_of(src)->is_stopped = true;
}

static void replay_free(struct px_source *src)
{
	if (!src)
		return;
	px_packets_free(replay_of(src)->packets);
	px_input_free(replay_of(src)->in);
	free(src);
}

static const struct px_source_ops replay_ops = {
	.poll = replay_poll,
	.arm = replay_arm,
	.loss = replay_loss,
	.stop = replay_stop_flow,
	.free = replay_free,
};

struct px_source *px_replay_of(struct px_input *in)
{
	struct replay *r = calloc(1, sizeof(*r));

	if (!r) {
		px_input_free(in);
		return NULL;
	}
	r->src.ops = &replay_ops;
	r->src.fd = px_input_fd(in);
	r->in = in;
	return &r->src;
}

int px_replay_open(const char *path, struct px_source **out, struct px_error *err)
{
	struct px_source *src;
	struct px_input *in;

	if (px_input_open(path, &in, err) != 0)
		return -1;
	src = px_replay_of(in);
	if (!src)
		return px_error_set(err, PX_EXIT_FAILED, NULL, "%s: out of memory", path);
	/*
	 * A regular file can be told at once, and its start is an error of the command line rather
	 * than of the run.
	 */
	if (src->fd < 0 && replay_recognise(replay_of(src)) != 0) {
		px_error_set(err, PX_EXIT_FAILED, NULL, "%s", src->error);
		src->ops->free(src);
		return -1;
	}
	*out = src;
	return 0;
}

int px_replay_percent(const struct px_source *src)
{
	return px_input_percent(((const struct replay *)src)->in);
}
