/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of summary records that no other record has. */
#ifndef PX_TALLY_FIELDS_H
#define PX_TALLY_FIELDS_H

#include "record/field.h"

/* Index into px_summary_fields. */
enum px_summary_field {
	PX_SUM_PEER,
	PX_SUM_COUNT,
	PX_SUM_RATE,
	PX_SUM_P50_NS,
	PX_SUM_P95_NS,
	PX_SUM_P99_NS,
	PX_SUM_MAX_NS,
	PX_SUM_TOTAL_NS,
	PX_SUM_REQ_BYTES,
	PX_SUM_RESP_BYTES,
};

extern const struct px_field px_summary_fields[];

#endif
