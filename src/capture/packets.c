/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/packets.h"

#include "capture/note.h"
#include "capture/pcap.h"
#include "capture/pcapng.h"
#include "capture/tcp.h"

#include <errno.h>
#include <stdlib.h>

struct px_packets {
	bool is_begun, is_ng;
	struct px_pcap pcap;
	struct px_pcapng ng;
	struct px_fragments *frags;
	struct px_flows flows;
	struct px_origin origin;
	uint64_t known_links, unknown_links;	/* packets */
};

bool px_packets_is(struct px_bytes head)
{
	return px_pcap_is(head) || px_pcapng_is(head);
}

struct px_packets *px_packets_new(void)
{
	struct px_packets *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->frags = px_fragments_new();
	if (!p->frags || px_flows_init(&p->flows) != 0) {
		px_fragments_free(p->frags);
		free(p);
		return NULL;
	}
	return p;
}

void px_packets_free(struct px_packets *p)
{
	if (!p)
		return;
	px_flows_fini(&p->flows);
	px_fragments_free(p->frags);
	px_pcapng_fini(&p->ng);
	free(p);
}

void px_packets_finish(struct px_packets *p, px_event_fn fn, void *ctx)
{
	p->flows.fn = fn;
	p->flows.ctx = ctx;
	px_tcp_finish(&p->flows);
}

static int packets_begin(struct px_packets *p, struct px_input *in, const char **why)
{
	struct px_bytes b;
	int ret = px_input_want(in, PX_PCAP_HEAD, &b);

	if (ret && ret != PX_INPUT_END)
		return ret;
	p->is_ng = px_pcapng_is(b);
	if (!p->is_ng) {
		ret = px_pcap_begin(&p->pcap, in, why);
		if (ret)
			return ret;
		if (!px_link_is_known(p->pcap.link)) {
			*why = "packets of a link type that pxtrace does not read";
			return -EBADMSG;
		}
	}
	p->is_begun = true;
	return 0;
}

static void packets_take(struct px_packets *p, const struct px_packet *packet)
{
	struct px_segment s;

	if (!px_link_is_known(packet->link)) {
		p->unknown_links++;
		return;
	}
	p->known_links++;
	if (px_packet_dissect(packet, p->frags, &s) != PX_PACKET_SEGMENT)
		return;
	s.origin = NULL;
	if (packet->comment.len && px_note_parse(packet->comment, &p->origin))
		s.origin = &p->origin;
	px_tcp_segment(&p->flows, &s);
}

int px_packets_next(struct px_packets *p, struct px_input *in, px_event_fn fn, void *ctx,
		    const char **why)
{
	struct px_packet packet;
	size_t size = 0;
	int ret;

	p->flows.fn = fn;
	p->flows.ctx = ctx;
	if (!p->is_begun) {
		ret = packets_begin(p, in, why);
		if (ret)
			return ret;
	}
	ret = p->is_ng ? px_pcapng_next(&p->ng, in, &packet, &size, why)
		       : px_pcap_next(&p->pcap, in, &packet, &size, why);
	if (ret == 0) {
		packets_take(p, &packet);
		px_input_drop(in, size);
		return 0;
	}
	if (ret == -EAGAIN)
		return ret;
	px_packets_finish(p, fn, ctx);
	if (ret == PX_INPUT_END && p->unknown_links && !p->known_links) {
		*why = "only packets of link types that pxtrace does not read";
		return -EBADMSG;
	}
	return ret;
}
