/* SPDX-License-Identifier: Apache-2.0 */
/* A connection: endpoints, role, two byte streams and what is being made of them. */
#ifndef PX_CONN_CONN_H
#define PX_CONN_CONN_H

#include "capture/event.h"
#include "decode/decode.h"
#include "match/match.h"
#include "stream/stream.h"

struct px_table;
struct px_held;
struct px_handshake;

#define PX_CONN_ADDR_TEXT 64	/* holds any IPv6 address with its zone */

struct px_conn {
	struct px_table *table;
	uint64_t sock_id, sock_gen;
	char id[24];		/* opaque, the same in all its records */
	uint8_t family, type;
	uint16_t protocol;
	uint16_t local_port, remote_port;
	uint32_t scope_id, netns;
	uint8_t local_addr[16], remote_addr[16];
	struct px_abi_names *names;	/* UNIX: paths, once they are known */
	enum px_role role;
	bool from_start;	/* its opening was seen */
	bool opens;		/* and not told yet: a UNIX socket's names come behind it */
	bool has_begun;		/* a data event was seen */
	bool is_packet;		/* from a packet capture: no process */
	bool is_tls;		/* the streams have plaintext, the socket ciphertext; see conn/tls.h */
	bool begins_tls;	/* its first bytes are those of a handshake, and no library is known to use it */
	bool is_repeated;	/* what the decoder gives up now is told again, as plaintext of TLS */
	bool is_unpaired;	/* a TLS context whose socket nobody knows: has been waited for long enough */
	uint8_t tls_lib;	/* enum px_abi_tls_lib */
	uint32_t tls_base[2];	/* what a count of plaintext begins with in its stream, by direction */
	bool closed;		/* its end was seen; freed at close_at_ns */
	bool was_reset;
	bool has_ended[2];	/* with closed: no byte follows those up to told_end, by direction */
	uint64_t told_end[2];	/* bytes are known to have moved up to here, seen or not; 0: nothing is known */
	int32_t open_result;	/* 0 or -errno of connect */
	int64_t connect_ns;	/* how long that took; -1: not known */
	uint64_t first_ns, last_ns, closed_ns, close_at_ns;	/* source clock */
	uint32_t pid, tid, uid;	/* of the latest call */
	uint64_t called_ns;	/* when it ended; other events, such as the peer's reset, may be later */
	char comm[16];
	uint64_t bytes[2];	/* moved by the calls seen, by direction */
	bool hides_file;	/* the latest call sent one (PX_ABI_F_FILE) whose bytes may be others by now */
	uint64_t messages, errors;
	uint32_t asked;		/* UDP: messages that wait for their partner, see conn/datagram.h */
	struct px_abi_control control;	/* as told to the kernel side last */
	bool is_controlled;	/* it has been told something */
	bool is_dropped;	/* its calls are not looked at any more */
	bool copies_heads;	/* nobody understands it: of each call the beginning is copied, to be asked about */
	void *saved;		/* of who receives on_event; released in on_close */
	uint8_t large_frames[2];	/* in a row, by direction */
	bool needs_all[2];	/* a message of this direction could not have been followed without all its bytes */
	bool copies_all;	/* copying less has cost us bytes here: do not ask for it again */
	struct px_stream streams[2];
	/* Of conn/handshake.c. */
	struct px_frame *hello[2];	/* the client's part of a TLS handshake, and the server's, to be told of */
	const struct px_parser *hello_parser;
	struct px_handshake *handshake;	/* one that is still followed, beside the plaintext */
	uint64_t hello_ns, hello_asked;	/* since when it waits, and what the client had sent by then */
	bool told_hello, hello_waits;
	struct px_conn *hello_prev, *hello_next;
	struct px_decoder decoder;
	struct px_matcher matcher;
	struct px_held *held, *held_last;	/* events that wait, in the order in which they came */
	size_t held_count;
	enum px_dir missing;	/* direction of the bytes that the first of them waits for */

	struct px_conn *hash_next;
	struct px_conn *age_prev, *age_next;	/* least recently used first */
	struct px_conn *wait_prev, *wait_next;	/* in the table's waiting list, if is_waiting */
	bool is_waiting;
	char local_text[PX_CONN_ADDR_TEXT], remote_text[PX_CONN_ADDR_TEXT];	/* made when first asked for */
};

/* An empty path says that a socket has no name: only once that is known. */
static inline bool px_conn_has_names(const struct px_conn *c)
{
	return c->family != PX_ABI_AF_UNIX || c->names;
}

/* Addresses as texts: "10.0.0.2", "::1", "fe80::1%eth0", a path, "@abstract" or "". */
struct px_bytes px_conn_local(struct px_conn *c);
struct px_bytes px_conn_remote(struct px_conn *c);

/* Does it stand for a TLS context whose socket is not known? Then it has no endpoints. */
static inline bool px_conn_is_untied(const struct px_conn *c)
{
	return c->sock_id & PX_ABI_UNTIED && !c->is_packet;
}

static inline enum px_role px_conn_role(const struct px_conn *c)
{
	return c->role != PX_ROLE_UNKNOWN ? c->role : c->decoder.role;
}

#endif
