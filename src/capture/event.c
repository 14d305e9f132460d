/* SPDX-License-Identifier: Apache-2.0 */
/* The one place where the lengths inside an event are believed or not. */
#include "capture/event.h"

bool px_event_of(const void *ptr, size_t size, struct px_event *out)
{
	const struct px_abi_event *hdr = ptr;

	if (size < sizeof(*hdr))
		return false;
	if (hdr->copied > size - sizeof(*hdr))
		return false;
	switch (hdr->kind) {
	case PX_ABI_DATA:
		if (hdr->copied > hdr->len || hdr->dir > PX_ABI_OUT)
			return false;
		break;
	case PX_ABI_NAMES:
		if (hdr->copied < sizeof(struct px_abi_names))
			return false;
		break;
	case PX_ABI_TIE:
		if (hdr->copied < sizeof(struct px_abi_tie))
			return false;
		break;
	case PX_ABI_OPEN:
	case PX_ABI_CLOSE:
	case PX_ABI_PROC:
		break;
	default:
		return false;
	}
	out->hdr = hdr;
	out->data = px_bytes_of(hdr->data, hdr->copied);
	return true;
}
