/* SPDX-License-Identifier: Apache-2.0 */
/* Messages counted by what they have in common: how many, how many failed, how long they took. */
#ifndef PX_TALLY_TALLY_H
#define PX_TALLY_TALLY_H

#include "record/record.h"
#include "tally/hist.h"

#define PX_TALLY_PARTS 5	/* texts that make up a key */
#define PX_TALLY_ROWS_MAX 4096	/* what is beyond goes into rows that only have their first part */
#define PX_TALLY_KEY_MAX 512	/* bytes of all parts; longer ones are cut */

struct px_tally_row {
	struct px_bytes part[PX_TALLY_PARTS];
	uint32_t hash;
	uint64_t count, errors;
	uint64_t req_bytes, resp_bytes;
	uint64_t total_ns, max_ns;
	struct px_hist times;	/* of those that have a latency */
};

struct px_tally {
	struct px_tally_row **rows;	/* in the order in which they came */
	size_t count;
	size_t *slots;		/* hash table: index into rows and 1; 0: free */
	struct px_hist_pool pool;
	int64_t first_ns, last_ns;	/* begin of the first message, end of the last, since 1970 */
	uint64_t messages;
	uint64_t left_out;	/* messages for which there was no memory */
};

PX_MUST_USE int px_tally_init(struct px_tally *t);
void px_tally_fini(struct px_tally *t);

/* Count a message under a key, with the sizes of its two sides. */
void px_tally_add(struct px_tally *t, const struct px_bytes part[PX_TALLY_PARTS],
		  const struct px_record *r, uint64_t req_bytes, uint64_t resp_bytes);

/* The latency, in ns, that permille thousandths of a row's messages did not exceed. */
static inline uint64_t px_tally_at(const struct px_tally_row *row, unsigned int permille)
{
	uint64_t ns = px_hist_at(&row->times, permille);

	return ns < row->max_ns ? ns : row->max_ns; /* a bucket may reach beyond it */
}

/* Put the rows in order: the most time in all first, then the most messages, then by name. */
void px_tally_sort(struct px_tally *t);

/* Thousandths of a message per second, over the time that is given or else that messages took. */
uint64_t px_tally_rate(const struct px_tally *t, uint64_t count, uint64_t duration_ns);

#endif
