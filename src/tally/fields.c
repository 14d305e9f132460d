/* SPDX-License-Identifier: Apache-2.0 */
#include "tally/fields.h"

#define OWN PX_SIDE_COMMON

/* clang-format off */
const struct px_field px_summary_fields[] = {
	[PX_SUM_PEER] = { "peer", PX_TYPE_STR, OWN, NULL, "the other end: address and port of a server, address of a client" },
	[PX_SUM_COUNT] = { "count", PX_TYPE_INT, OWN, NULL, "number of messages" },
	[PX_SUM_RATE] = { "rate", PX_TYPE_DECIMAL, OWN, NULL, "messages per second of the run; of a file, of the time from its first message to its last" },
	[PX_SUM_P50_NS] = { "p50_ns", PX_TYPE_INT, OWN, "ns", "latency that half of them did not exceed, within 1 %" },
	[PX_SUM_P95_NS] = { "p95_ns", PX_TYPE_INT, OWN, "ns", "latency that 95 % of them did not exceed" },
	[PX_SUM_P99_NS] = { "p99_ns", PX_TYPE_INT, OWN, "ns", "latency that 99 % of them did not exceed" },
	[PX_SUM_MAX_NS] = { "max_ns", PX_TYPE_INT, OWN, "ns", "longest latency, exact" },
	[PX_SUM_TOTAL_NS] = { "total_ns", PX_TYPE_INT, OWN, "ns", "sum of all latencies" },
	[PX_SUM_REQ_BYTES] = { "req_bytes", PX_TYPE_INT, OWN, "bytes", "sizes of all requests" },
	[PX_SUM_RESP_BYTES] = { "resp_bytes", PX_TYPE_INT, OWN, "bytes", "sizes of all responses" },
	{ .type = PX_TYPE_NONE },
};
/* clang-format on */
