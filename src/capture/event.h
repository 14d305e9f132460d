/* SPDX-License-Identifier: Apache-2.0 */
/* One event, whatever it came from: kernel ring, tape or packet capture. */
#ifndef PX_CAPTURE_EVENT_H
#define PX_CAPTURE_EVENT_H

#include "abi.h"
#include "base/bytes.h"

/*
 * hdr   as the kernel side wrote it (bpf_src/abi.h); borrowed for the length of the callback
 * data  hdr->copied bytes that were there; checked by the source to lie inside the event
 */
struct px_event {
	const struct px_abi_event *hdr;
	struct px_bytes data;
};

/*
 * Check an event of size bytes as it came from outside and make a px_event of it.
 * Returns false where its lengths contradict each other or its kind is unknown.
 */
PX_MUST_USE bool px_event_of(const void *ptr, size_t size, struct px_event *out);

#endif
