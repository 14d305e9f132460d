/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to trace in a process: its sockets, its TLS libraries, where it belongs. */
#ifndef PX_CAPTURE_SURVEY_H
#define PX_CAPTURE_SURVEY_H

#include "base/bytes.h"

#define PX_SURVEY_PORTS 16	/* of each kind that are kept */

struct px_survey_ports {
	uint16_t port[PX_SURVEY_PORTS];	/* none twice */
	size_t count;
	bool has_more;
};

struct px_survey {
	uint32_t pid;
	char comm[32];
	char group[64];		/* last part of its control group: nginx.service, docker-....scope; "" without one */
	char tls[128];		/* names of TLS libraries that can be looked into, divided by commas; "" without one */
	struct px_survey_ports listening, peers;
	size_t tcp, udp, unix_sockets;	/* sockets of each kind */
	bool is_hidden;		/* its descriptors cannot be read: more privileges are needed */
};

struct px_survey_net;

/* The sockets of network namespaces, each read once. */
struct px_survey_nets {
	struct px_survey_net *nets;
	size_t count;
};

void px_survey_nets_fini(struct px_survey_nets *n);

/* Returns false where there is no such process. nets begins zeroed. */
bool px_survey_process(struct px_survey_nets *nets, uint32_t pid, struct px_survey *out);

#endif
