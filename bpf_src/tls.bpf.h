/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS libraries: which thread is inside of which function, and which socket a context uses. A part
 * of its own that is compiled and loaded behind the others, and shares their maps.
 */
#ifndef PX_TLS_BPF_H
#define PX_TLS_BPF_H

#include "bytes.bpf.h"
#include "ends.bpf.h"
#include "target.bpf.h"

#define PX_TLS_RECORD_FIRST 20	/* change_cipher_spec; then alert, handshake, application_data, heartbeat */
#define PX_TLS_RECORD_LAST 24
#define PX_TLS_RECORD_MAX (16384 + 2048)
#define PX_TLS_HANDSHAKE 22

/* A function of a TLS library that a thread is in; of those that call one another the outermost. */
struct px_tls_call {
	u64 context;	/* SSL *, gnutls_session_t.. */
	u64 buf;
	u64 count_at;	/* where it will say how many bytes moved, with PX_ABI_TLS_COUNT_AT */
	u64 sp;		/* of the stack when it was called */
	u64 sk;		/* the socket that it was seen to use; 0: none yet */
	u64 bio;	/* where the library reads ciphertext to; see tls_bio.bpf.h */
	u64 what;	/* the cookie of its probe */
};
BPF_TABLE("lru_hash", u64, struct px_tls_call, tls_calls, 8192);

struct px_tls_key {
	u64 tgid;
	u64 context;
};

/* What stands for the socket of a context while none is known. Processes that forked have equal addresses. */
px_inline u64 px_tls_untied_id(const struct px_tls_key *key)
{
	return PX_ABI_UNTIED | (key->context ^ key->tgid << 47);
}

/*
 * The socket of a context: the head that its events have, endpoints included, so that nothing of a
 * socket needs to be read that may have gone meanwhile. kind 0: the connection is not wanted.
 */
struct px_tls_tie {
	struct px_abi_event head;
	u32 moved[2];	/* bytes of plaintext so far, by direction */
	u64 is_start;	/* it was met before or in its handshake */
	u64 read_ns;	/* when plaintext came in last; of Go alone */
};
BPF_TABLE("lru_hash", struct px_tls_key, struct px_tls_tie, tls_ties, PX_TIES_MAX);

/* Where a tie is put together: it is large for a stack. */
BPF_PERCPU_ARRAY(tls_fresh, struct px_tls_tie, 1);

px_inline struct px_abi_shared *px_tls_shared(void)
{
	u32 zero = 0;

	return shared.lookup(&zero);
}

px_inline void px_tls_note_begin(void)
{
	struct px_abi_shared *page = px_tls_shared();

	if (page && !page->tls_begun)
		page->tls_begun = 1;
}

/* Has a context been met that moves bytes by no socket of its own? Until then nobody has to look. */
px_inline u32 *px_tls_seeks(void)
{
	struct px_abi_shared *page = px_tls_shared();

	return page ? &page->tls_seeks : 0;
}

px_inline struct px_tls_tie *px_tls_blank(void)
{
	u32 zero = 0;
	struct px_tls_tie *fresh = tls_fresh.lookup(&zero);

	if (!fresh)
		return 0;
	__builtin_memset(fresh, 0, sizeof(*fresh));
	return fresh;
}

/* A context that no socket is known of. Returns where it was put together, or 0. */
px_inline struct px_tls_tie *px_tls_meet(const struct px_tls_key *key, int is_start)
{
	struct px_tls_key k = *key;
	struct px_tls_tie *fresh = px_tls_blank();

	if (!fresh)
		return 0;
	fresh->head.kind = PX_ABI_DATA;
	fresh->head.type = PX_STREAM;
	fresh->head.sock_id = px_tls_untied_id(&k);
	fresh->head.sock_gen = k.tgid;
	fresh->is_start = is_start;
	tls_ties.update(&k, fresh);
	return fresh;
}

#endif
