/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/fragment.h"

#include <stdlib.h>

#define FRAGMENTS_MAX 64	/* datagrams under construction: at most 64 x 64 kB */
#define FRAGMENT_AGE_NS (30ull * 1000 * 1000 * 1000)	/* RFC 791 and RFC 8200 let reassembly take 15 to 60 s */
#define DATAGRAM_MAX 65536u
#define UNITS (DATAGRAM_MAX / 8)	/* fragments begin at multiples of 8 */

struct datagram {
	bool in_use;
	uint64_t ts_ns, context;
	uint8_t src[16], dst[16];
	uint32_t id;
	uint8_t family, protocol;
	uint32_t total;		/* bytes, 0: the last fragment has not come */
	uint32_t have;		/* bytes covered */
	uint32_t captured;	/* bytes from the start that are really there */
	uint8_t seen[UNITS];	/* per 8 bytes: how many of them are covered */
	char bytes[DATAGRAM_MAX];
};

struct px_fragments {
	struct datagram *slots[FRAGMENTS_MAX];
};

struct px_fragments *px_fragments_new(void)
{
	return calloc(1, sizeof(struct px_fragments));
}

void px_fragments_free(struct px_fragments *frags)
{
	if (!frags)
		return;
	for (size_t i = 0; i < FRAGMENTS_MAX; i++)
		free(frags->slots[i]);
	free(frags);
}

static bool datagram_is(const struct datagram *d, const struct px_fragment *f)
{
	return d->in_use && d->id == f->id && d->family == f->family &&
	       d->protocol == f->protocol && d->context == f->context &&
	       memcmp(d->src, f->src, sizeof(d->src)) == 0 &&
	       memcmp(d->dst, f->dst, sizeof(d->dst)) == 0;
}

/*
 * The datagram of this fragment, a new one if need be in place of the oldest; NULL when memory is
 * short.
 */
static struct datagram *datagram_find(struct px_fragments *frags, const struct px_fragment *f)
{
	struct datagram **at = NULL, *d;

	for (size_t i = 0; i < FRAGMENTS_MAX; i++) {
		struct datagram **slot = &frags->slots[i];

		if (*slot && datagram_is(*slot, f)) {
			if (f->ts_ns <= (*slot)->ts_ns ||
			    f->ts_ns - (*slot)->ts_ns <= FRAGMENT_AGE_NS)
				return *slot;
			at = slot; /* the identification has come round */
			break;
		}
		if (!at || (*at && (*at)->in_use &&
			    (!*slot || !(*slot)->in_use || (*slot)->ts_ns < (*at)->ts_ns)))
			at = slot;
	}
	if (!*at)
		*at = malloc(sizeof(**at));
	d = *at;
	if (!d)
		return NULL;
	memset(d, 0, offsetof(struct datagram, bytes));
	d->in_use = true;
	d->ts_ns = f->ts_ns;
	d->context = f->context;
	memcpy(d->src, f->src, sizeof(d->src));
	memcpy(d->dst, f->dst, sizeof(d->dst));
	d->id = f->id;
	d->family = f->family;
	d->protocol = f->protocol;
	d->captured = DATAGRAM_MAX;
	return d;
}

/*
 * Every byte up to the total has come. The count alone does not tell: fragments may lie beyond the
 * last one.
 */
static bool datagram_is_whole(const struct datagram *d)
{
	if (d->total == 0 || d->have < d->total)
		return false;
	for (uint32_t at = 0; at < d->total; at += 8)
		if (d->seen[at / 8] < (d->total - at < 8 ? d->total - at : 8))
			return false;
	return true;
}

bool px_fragments_add(struct px_fragments *frags, const struct px_fragment *f,
		      struct px_bytes *whole, uint32_t *len)
{
	struct datagram *d;

	if (f->offset % 8 || f->offset >= DATAGRAM_MAX || f->len > DATAGRAM_MAX - f->offset ||
	    f->len == 0 || (f->more && f->len % 8))
		return false;
	d = datagram_find(frags, f);
	if (!d)
		return false;
	if (!f->more && d->total == 0)
		d->total = f->offset + f->len;
	if (f->data.len < f->len && f->offset + (uint32_t)f->data.len < d->captured)
		d->captured = f->offset + (uint32_t)f->data.len;
	for (uint32_t at = 0; at < f->len; at += 8) {
		uint32_t unit = (f->offset + at) / 8;
		uint32_t n = f->len - at < 8 ? f->len - at : 8;
		uint32_t had = d->seen[unit];

		if (n <= had)
			continue;
		if (at + had < f->data.len) {
			uint32_t end = at + n < f->data.len ? at + n : (uint32_t)f->data.len;

			memcpy(d->bytes + f->offset + at + had, f->data.ptr + at + had,
			       end - at - had);
		}
		d->seen[unit] = (uint8_t)n;
		d->have += n - had;
	}
	if (!datagram_is_whole(d))
		return false;
	d->in_use = false;
	*len = d->total;
	*whole = px_bytes_of(d->bytes, d->captured < d->total ? d->captured : d->total);
	return true;
}
